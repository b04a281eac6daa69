import type { handleUnaryCall, sendUnaryData, ServerUnaryCall, UntypedHandleCall } from '@grpc/grpc-js'
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js'
import type { PackageDefinition } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'
import type { Clock, Logger } from '../../lib/index.ts'
import { AppError, errorRow, fail, statusTable } from '../../protocol/index.ts'
import type { GrpcCall, GrpcMethod } from '../../protocol/index.ts'
import type { RawStream } from './answer-stream.ts'
import { answerStream } from './answer-stream.ts'

export interface GrpcOptions {
  readonly host: string
  readonly port: number
  readonly messageBytesMax: number
  readonly streamsMax: number
  readonly reusePort: boolean
}

export interface GrpcServerDeps {
  readonly methods: readonly GrpcMethod[]
  /** Services for reflection to tell of. */
  readonly definition: PackageDefinition
  readonly clock: Clock
  readonly logger: Logger
  newRequestId(): string
}

type RawUnary = ServerUnaryCall<Buffer, Uint8Array>

/** The gRPC door: limits, deadlines, cancellation, error replies, reflection. */
export class GrpcServer {
  readonly #options: GrpcOptions
  readonly #deps: GrpcServerDeps
  readonly #server: Server

  constructor(options: GrpcOptions, deps: GrpcServerDeps) {
    this.#options = options
    this.#deps = deps
    this.#server = new Server({
      'grpc.max_receive_message_length': options.messageBytesMax,
      'grpc.max_send_message_length': options.messageBytesMax,
      'grpc.max_concurrent_streams': options.streamsMax,
      // Why: its book-keeping costs more than a small model's run, and nothing here reads it.
      'grpc.enable_channelz': 0,
      'grpc.so_reuseport': options.reusePort ? 1 : 0,
    })
    for (const service of new Set(deps.methods.map((method) => method.service))) this.#addService(service)
    new ReflectionService(deps.definition).addToServer(this.#server)
  }

  async listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.#options
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
    const bound = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound_) => {
        if (error === null) resolve(bound_)
        else reject(error)
      })
    })
    return { host, port: bound }
  }

  /** Says GOAWAY, lets calls finish, then closes; cuts what is left after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()))
    const timer = this.#deps.clock.setTimer(() => this.#server.forceShutdown(), limitMs)
    await closed
    timer.cancel()
  }

  #addService(service: string): void {
    const methods = this.#deps.methods.filter((method) => method.service === service)
    const definition = Object.fromEntries(
      methods.map((method) => [
        method.method,
        {
          path: `/${service}/${method.method}`,
          requestStream: method.streams,
          responseStream: method.streams,
          requestSerialize: asBuffer,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: asBuffer,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      ]),
    )
    const handlers: Record<string, UntypedHandleCall> = {}
    for (const method of methods) {
      handlers[method.method] = method.streams ? this.#stream(method) : (this.#unary(method) as UntypedHandleCall)
    }
    this.#server.addService(definition, handlers)
  }

  #unary(method: GrpcMethod): handleUnaryCall<Buffer, Uint8Array> {
    return (call: RawUnary, callback: sendUnaryData<Uint8Array>) => {
      method.handle(call.request, this.#call(call)).then(
        (reply) => callback(null, reply),
        (error: unknown) => callback(this.#status(error)),
      )
    }
  }

  #stream(method: GrpcMethod): UntypedHandleCall {
    return (stream: RawStream) => {
      answerStream(stream, {
        answer: (message, onCancel) => method.handle(message, { ...this.#call(stream), onCancel }),
        status: (error) => this.#status(error),
      })
    }
  }

  #call(call: RawUnary | RawStream): GrpcCall {
    const deadline = call.getDeadline()
    const { clock } = this.#deps
    return {
      receivedAtMs: clock.now(),
      timeoutMs: deadline === Infinity ? undefined : Math.max(0, Number(deadline) - clock.wallMs()),
      metadata(key) {
        const [value] = call.metadata.get(key)
        return typeof value === 'string' ? value : undefined
      },
      onCancel: (listener) => void call.once('cancelled', listener),
    }
  }

  #status(error: unknown): { code: number; details: string; metadata: Metadata } {
    const known = error instanceof AppError ? error : this.#unexpected(error)
    const metadata = new Metadata()
    metadata.set('slipway-error', known.code)
    const { retryAfterMs } = errorRow(known.code)
    if (retryAfterMs !== undefined) metadata.set('grpc-retry-pushback-ms', String(retryAfterMs))
    return { code: statusTable[known.status].grpc, details: known.message, metadata }
  }

  #unexpected(error: unknown): AppError {
    const requestId = this.#deps.newRequestId()
    this.#deps.logger.error('grpc.unexpected', { requestId, error })
    return fail('internal', { requestId }, error)
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
