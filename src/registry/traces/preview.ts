import { traceLimits } from './trace.ts'

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const isMessage = (value: unknown): value is Json => isObject(value) && 'role' in value && 'content' in value

/** Requests within requests are looked into this far. */
const depthMax = 5

/** The chat messages of a request or a reply, in the shapes of OpenAI's chat and responses APIs. */
const messagesOf = (value: unknown, depth = 0): readonly Json[] => {
  if (!isObject(value) || depth > depthMax) return []
  const choice = first(value['choices'])
  const answer = isObject(choice) ? [choice['message']].filter(isMessage) : []
  for (const list of [value['messages'], answer, value['input'], value['output']])
    if (Array.isArray(list) && list.length > 0) return (list as readonly unknown[]).filter(isMessage)
  return messagesOf(value['request'], depth + 1)
}

const first = (value: unknown): unknown => (Array.isArray(value) ? (value as readonly unknown[])[0] : undefined)

const contentOf = (message: Json | undefined): string => {
  const content = message?.['content']
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  for (const part of content as readonly unknown[]) {
    if (typeof part === 'string') return part
    if (isObject(part) && (part['type'] === 'text' || part['type'] === 'output_text'))
      return typeof part['text'] === 'string' ? part['text'] : ''
  }
  return ''
}

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/**
 * What a list of traces shows of a request or a reply: the last message of that role when it is a chat, else the JSON
 * itself, cut to 1000 characters.
 */
export const previewOf = (json: string, role: 'user' | 'assistant'): string => {
  const messages = json.startsWith('{') ? messagesOf(parsed(json)) : []
  const text = contentOf(messages.findLast((message) => message['role'] === role) ?? messages.at(-1)) || json
  if (text.length <= traceLimits.previewMade) return text
  return `${text.slice(0, traceLimits.previewMade - 3).replace(/[\ud800-\udbff]$/, '')}...`
}
