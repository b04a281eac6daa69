import type { Tag } from '../experiment.ts'
import { requireKey, truncated } from '../limits.ts'
import { previewOf } from './preview.ts'
import { textOf } from './semantic-conventions.ts'
import type { ReceivedSpan, TraceState } from './trace.ts'
import { spanAttributes, traceLimits, traceMetadata, traceTags } from './trace.ts'

/** What the spans of one trace that came together tell of it. */
export interface SpanFacts {
  readonly traceId: string
  readonly spans: readonly ReceivedSpan[]
  readonly timestampMs: number
  readonly endMs: number | undefined
  readonly state: TraceState
  readonly name: string | undefined
  readonly requestPreview: string | undefined
  readonly responsePreview: string | undefined
  readonly tags: readonly Tag[]
  readonly metadata: readonly Tag[]
}

/** Most tags that a trace gets from what its senders say of themselves. */
const resourceTagsMax = 100

/** Reads the facts of a trace off its spans, of which there is one at least. The last root that came decides. */
export const spanFacts = (traceId: string, spans: readonly ReceivedSpan[]): SpanFacts => {
  const root = spans.findLast((span) => span.parentSpanId === undefined)
  const input = root?.attributes.get(spanAttributes.inputs)
  const output = root?.attributes.get(spanAttributes.outputs)
  const tags = tagsOf(spans, root)
  return {
    traceId,
    spans,
    timestampMs: msOf(spans.reduce((least, { startNs }) => (startNs < least ? startNs : least), maxNs)),
    endMs: endOf(spans),
    state: stateOf(root),
    name: tags.find(({ key }) => key === traceTags.name)?.value ?? root?.name,
    requestPreview: input === undefined ? undefined : previewOf(input, 'user'),
    responsePreview: output === undefined ? undefined : previewOf(output, 'assistant'),
    tags,
    metadata: metadataOf(spans),
  }
}

const maxNs = 2n ** 64n - 1n
const msOf = (ns: bigint): number => Number(ns / 1_000_000n)

const endOf = (spans: readonly ReceivedSpan[]): number | undefined => {
  let last: bigint | undefined
  for (const { endNs } of spans) if (endNs !== undefined && (last === undefined || endNs > last)) last = endNs
  return last === undefined ? undefined : msOf(last)
}

const stateOf = (root: ReceivedSpan | undefined): TraceState => {
  if (root === undefined || root.endNs === undefined) return 'IN_PROGRESS'
  return root.status === 'ERROR' ? 'ERROR' : 'OK'
}

/** A tag as it can be kept; undefined for one that can't. */
const keptTag = (key: string, json: string): Tag | undefined => {
  try {
    requireKey('Tag', key)
  } catch {
    return undefined
  }
  return { key, value: truncated((textOf(json) ?? json).replaceAll('\0', ''), traceLimits.tagValue) }
}

/** The sender's resource as tags, then those that the root names; the latter win. */
const tagsOf = (spans: readonly ReceivedSpan[], root: ReceivedSpan | undefined): Tag[] => {
  const tags = new Map<string, Tag>()
  const put = (key: string, json: string): void => {
    const tag = keptTag(key, json)
    if (tag !== undefined) tags.set(key, tag)
  }
  const resource = spans.find((span) => span.resource.size > 0)?.resource ?? new Map<string, string>()
  for (const [key, json] of resource) {
    if (tags.size >= resourceTagsMax) break
    if (!key.startsWith('telemetry.sdk.') && !key.startsWith('mlflow.')) put(key, json)
  }
  for (const [key, json] of root?.attributes ?? [])
    if (key.startsWith(spanAttributes.tagPrefix)) put(key.slice(spanAttributes.tagPrefix.length), json)
  for (const key of serverTags) tags.delete(key)
  return [...tags.values()]
}

/** Tags that say where this server keeps things: nobody else sets them. */
export const serverTags: ReadonlySet<string> = new Set([
  traceTags.artifactLocation,
  traceTags.spansLocation,
  traceTags.archiveLocation,
  traceTags.archivalFailure,
])

const metadataOf = (spans: readonly ReceivedSpan[]): Tag[] => {
  const firstText = (...names: readonly string[]): string | undefined => {
    for (const { attributes } of spans)
      for (const name of names) {
        const json = attributes.get(name)
        const text = textOf(json) ?? json
        if (text !== undefined && text !== '') return truncated(text.replaceAll('\0', ''), traceLimits.key)
      }
    return undefined
  }
  const session = firstText('session.id', 'gen_ai.conversation.id')
  const user = firstText('user.id')
  return [
    ...(session === undefined ? [] : [{ key: traceMetadata.session, value: session }]),
    ...(user === undefined ? [] : [{ key: traceMetadata.user, value: user }]),
  ]
}
