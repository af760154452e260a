import { callObject } from '../http/object-call.ts'
import type { DirectoryObject } from './directory-object.ts'

/** The one object of a gateway that has its directory. */
export const DIRECTORY_NAME = 'directory'

export interface AccountsParts {
  readonly namespace: DurableObjectNamespace<DirectoryObject>
}

export function createAccounts({ namespace }: AccountsParts) {
  const object = (): DurableObjectStub<DirectoryObject> => namespace.getByName(DIRECTORY_NAME)
  return {
    record: async (...[line, actor]: Parameters<DirectoryObject['record']>) => callObject(async () => object().record(line, actor)),
    operatorRole: async (person: string) => callObject(async () => object().operatorRole(person)),
    once: {
      begin: async (name: string, fingerprint: string) => callObject(async () => object().beginOnce(name, fingerprint)),
      end: async (name: string, answer: string | undefined) => callObject(async () => object().endOnce(name, answer)),
    },
  }
}
