import { describe, expect, test } from 'vitest'
import { webhookUrlFault } from '../../src/insight/webhook-url.ts'

describe('webhookUrlFault()', () => {
  test.each([
    'https://hooks.example.com/portcullis?team=1',
    'https://hooks.example.com:8443/',
    'https://xn--bcher-kva.example/',
    'https://1e100.net/',
  ])('takes %s', (url) => {
    expect(webhookUrlFault(url, false)).toBeUndefined()
  })

  test.each([
    ['another scheme', 'http://hooks.example.com/'],
    ['no scheme of the web', 'file:///etc/passwd'],
    ['credentials', 'https://user:secret@hooks.example.com/'],
    ['a user alone', 'https://user@hooks.example.com/'],
    ['a fragment', 'https://hooks.example.com/#x'],
    ['no URL', '//hooks.example.com/'],
    ['loopback', 'https://127.0.0.1/'],
    ['loopback by name', 'https://localhost/'],
    ['loopback by name, fully', 'https://localhost./'],
    ['a name below localhost', 'https://app.localhost/'],
    ['loopback in another spelling', 'https://0x7f.1/'],
    ['loopback as one number', 'https://2130706433/'],
    ['loopback in octal', 'https://0177.0.0.1/'],
    ['an address with a final dot', 'https://127.0.0.1./'],
    ['full-width digits', 'https://１２７.0.0.1/'],
    ['IPv6 loopback', 'https://[::1]/'],
    ['IPv4 in IPv6', 'https://[::ffff:10.0.0.1]/'],
    ['a private address', 'https://10.0.0.1/'],
    ['the metadata service', 'https://169.254.169.254/latest/meta-data'],
    ['the metadata service by name', 'https://metadata.google.internal/'],
    ['any address', 'https://0.0.0.0/'],
    ['a public address', 'https://93.184.216.34/'],
    ['a name of one label', 'https://intranet/'],
    ['a name of the local network', 'https://printer.local/'],
  ])('refuses %s', (_, url) => {
    expect(webhookUrlFault(url, false)).toBeTypeOf('string')
  })

  test.each([
    [2048, true],
    [2049, false],
  ])('a URL of %i characters: %s', (length, isTaken) => {
    const url = 'https://hooks.example.com/'.padEnd(length, 'x')
    expect(webhookUrlFault(url, false) === undefined).toBe(isTaken)
  })

  test('http to this machine is for local work alone, and to no other one', () => {
    expect(webhookUrlFault('http://127.0.0.1:9000/hook', true)).toBeUndefined()
    expect(webhookUrlFault('http://localhost:9000/hook', true)).toBeUndefined()
    expect(webhookUrlFault('http://127.0.0.1:9000/hook', false)).toBe('must be https')
    expect(webhookUrlFault('http://192.168.0.1/hook', true)).toBe('must be https')
    expect(webhookUrlFault('http://hooks.example.com/', true)).toBe('must be https')
  })
})
