import type { ReflectionService } from '@grpc/reflection'
import type { PackageDefinition } from '@grpc/proto-loader'
import { fail } from '../../protocol/index.ts'
import type { GrpcMethod } from '../../protocol/index.ts'

/** What the reflection service asks of a server and of a call. */
interface Registration {
  readonly service: string
  readonly method: string
  answer(request: Uint8Array): Uint8Array
}

interface MethodDefinition {
  readonly path: string
  requestDeserialize(bytes: Buffer): unknown
  responseSerialize(value: unknown): Buffer
}

type Handler = (call: Dialogue) => void

interface Dialogue {
  on(event: string, listener: (message: unknown) => void): void
  write(reply: unknown): void
  end(): void
}

/** Reflection answers from the .proto files alone, so it is made by the first question. */
export const reflection = (definition: () => PackageDefinition): GrpcMethod[] => {
  let registrations: Promise<readonly Registration[]> | undefined
  return ['v1', 'v1alpha'].map((version): GrpcMethod => {
    const service = `grpc.reflection.${version}.ServerReflection`
    return {
      service,
      method: 'ServerReflectionInfo',
      needs: 'server.read',
      kind: 'stream',
      async handle(request) {
        registrations ??= openReflection(definition())
        const found = (await registrations).find((registration) => registration.service === service)
        if (found === undefined) throw new Error(`the reflection library has no ${service}`)
        return found.answer(request)
      },
    }
  })
}

const openReflection = async (definition: PackageDefinition): Promise<readonly Registration[]> => {
  const library = await import('@grpc/reflection')
  const registrations: Registration[] = []
  const server = {
    addService(methods: Readonly<Record<string, MethodDefinition>>, handlers: Readonly<Record<string, Handler>>): void {
      for (const [name, method] of Object.entries(methods)) {
        const handler = handlers[name]
        if (handler !== undefined) registrations.push(registrationOf(method, handler))
      }
    },
  }
  new library.ReflectionService(definition).addToServer(
    server as unknown as Parameters<ReflectionService['addToServer']>[0],
  )
  return registrations
}

/** The library's handler writes the answer to a message before its listener returns. */
const registrationOf = (method: MethodDefinition, handler: Handler): Registration => {
  const [, service = '', name = ''] = method.path.split('/')
  return {
    service,
    method: name,
    answer(request) {
      const question = readQuestion(method, request)
      let reply: unknown
      handler({
        on: (event, listener) => {
          if (event === 'data') listener(question)
        },
        write: (value) => (reply = value),
        end() {},
      })
      return method.responseSerialize(reply)
    },
  }
}

const readQuestion = (method: MethodDefinition, request: Uint8Array): unknown => {
  try {
    return method.requestDeserialize(Buffer.from(request.buffer, request.byteOffset, request.byteLength))
  } catch (error) {
    throw fail('invalid_request', { reason: `the message is damaged: ${String(error)}` }, error)
  }
}
