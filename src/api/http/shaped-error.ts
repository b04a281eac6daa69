import type { IncomingMessage } from 'node:http'
import type { AppError, ErrorShape, Reply } from '../../protocol/index.ts'
import { errorReply, HttpRefusal } from './http-refusal.ts'

const isBelow = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')

/** The path of a request target in origin form or absolute form, as far as it can be told. */
const pathOf = (url: string): string => url.replace(/^https?:\/\/[^/?#]*/i, '').split('?', 1)[0] ?? ''

/** An error of the door in the shape of the protocol that the path belongs to, the first shape that fits. */
export const shapedError = (error: AppError, request: IncomingMessage, shapes: readonly ErrorShape[]): Reply => {
  const plain = errorReply(error)
  const path = pathOf(request.url ?? '')
  const shape = shapes.find(({ prefix }) => isBelow(path, prefix))
  if (shape === undefined) return plain
  const shaped = shape.reply(error, (name) => {
    const value = request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  })
  return {
    ...shaped,
    // A request that breaks HTTP itself keeps the status that HTTP has for it.
    status: error instanceof HttpRefusal ? error.httpStatus : shaped.status,
    headers: { ...plain.headers, ...shaped.headers },
  }
}
