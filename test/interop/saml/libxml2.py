"""Exclusive canonical form by libxml2 itself: lxml would drop `#default` from a prefix list.
Reads JSON lines {xml, element, prefixes} (element: number in document order, from 1), writes one JSON line each: Base64, 'malformed',
or 'namespace' where a namespace name is not an absolute URI."""
import base64, ctypes, ctypes.util, json, sys

lib = ctypes.CDLL(ctypes.util.find_library('xml2') or 'libxml2.so.2')
pointer, integer, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
lib.xmlReadMemory.restype, lib.xmlReadMemory.argtypes = pointer, [text, integer, text, text, integer]
lib.xmlFreeDoc.argtypes = [pointer]
lib.xmlXPathNewContext.restype, lib.xmlXPathNewContext.argtypes = pointer, [pointer]
lib.xmlXPathFreeContext.argtypes = [pointer]
lib.xmlXPathEvalExpression.restype, lib.xmlXPathEvalExpression.argtypes = pointer, [text, pointer]
lib.xmlXPathFreeObject.argtypes = [pointer]
lib.xmlC14NDocDumpMemory.argtypes = [pointer, pointer, integer, ctypes.POINTER(text), integer, ctypes.POINTER(pointer)]
handler = ctypes.CFUNCTYPE(None, pointer, pointer)(lambda context, error: None)
lib.xmlSetStructuredErrorFunc.argtypes = [pointer, pointer]
lib.xmlSetStructuredErrorFunc(None, ctypes.cast(handler, pointer))

class XPathObject(ctypes.Structure):
    _fields_ = [('type', integer), ('nodes', pointer)]

def canonical(xml, element, prefixes):
    data = xml.encode()
    document = lib.xmlReadMemory(data, len(data), None, None, 2048)  # XML_PARSE_NONET
    if not document:
        return 'malformed'
    context = lib.xmlXPathNewContext(document)
    top = f'(//*)[{element}]/descendant-or-self::'
    found = lib.xmlXPathEvalExpression(f'{top}node() | {top}*/@* | {top}*/namespace::*'.encode(), context)
    nodes = ctypes.cast(found, ctypes.POINTER(XPathObject)).contents.nodes
    listed = (text * (len(prefixes) + 1))(*[prefix.encode() for prefix in prefixes], None)
    output = pointer()
    size = lib.xmlC14NDocDumpMemory(document, nodes, 1, listed, 0, ctypes.byref(output))
    result = base64.b64encode(ctypes.string_at(output, size)).decode() if size >= 0 else 'namespace'
    lib.xmlXPathFreeObject(found)
    lib.xmlXPathFreeContext(context)
    lib.xmlFreeDoc(document)
    return result

for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps(canonical(case['xml'], case['element'], case['prefixes'])))
