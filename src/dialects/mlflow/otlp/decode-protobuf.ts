import { ProtobufReader } from '../../../lib/index.ts'
import type { SpanEvent, SpanLink } from '../../../registry/index.ts'
import { DecodeBudget, requireSpanCount } from './decode-budget.ts'
import { doubleText, objectText, stringText } from './json-text.ts'
import type { DecodedSpans, RawSpan } from './received.ts'
import { emptySpan, SpanCollector } from './received.ts'

// Field numbers are those of opentelemetry-proto 1.x: collector/trace/v1, trace/v1, resource/v1 and common/v1.

/** Fields of a message, each with the reader placed at its value. */
function* fields(reader: ProtobufReader): Generator<number> {
  while (reader.next()) yield reader.field
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')

/** Counts the spans before anything of them is made. */
const countSpans = (body: Uint8Array): number => {
  let count = 0
  const request = new ProtobufReader(body)
  for (const field of fields(request)) {
    if (field !== 1) {
      request.skip()
      continue
    }
    const resourceSpans = request.message()
    for (const inner of fields(resourceSpans)) {
      if (inner !== 2) {
        resourceSpans.skip()
        continue
      }
      const scopeSpans = resourceSpans.message()
      for (const innermost of fields(scopeSpans)) {
        if (innermost === 2) requireSpanCount(++count)
        scopeSpans.skip()
      }
    }
  }
  return count
}

/** Reads an ExportTraceServiceRequest. Fails with ProtobufError, and with `invalid_parameter` above the limits. */
export const decodeProtobuf = (body: Uint8Array): DecodedSpans => {
  countSpans(body)
  return new Decoder().request(new ProtobufReader(body))
}

class Decoder {
  readonly #budget = new DecodeBudget()
  readonly #spans = new SpanCollector()

  request(reader: ProtobufReader): DecodedSpans {
    for (const field of fields(reader)) {
      if (field === 1) this.#resourceSpans(reader.message())
      else reader.skip()
    }
    return this.#spans.result
  }

  #resourceSpans(reader: ProtobufReader): void {
    const start = reader.position
    // The resource may stand behind the spans that it is of.
    const resource = new Map<string, string>()
    for (const field of fields(reader)) {
      if (field === 1) this.#resource(reader.message(), resource)
      else reader.skip()
    }
    reader.seek(start)
    for (const field of fields(reader)) {
      if (field === 2) this.#scopeSpans(reader.message(), resource)
      else reader.skip()
    }
  }

  #resource(reader: ProtobufReader, into: Map<string, string>): void {
    for (const field of fields(reader)) {
      if (field === 1) this.#attribute(reader.message(), into)
      else reader.skip()
    }
  }

  #scopeSpans(reader: ProtobufReader, resource: ReadonlyMap<string, string>): void {
    for (const field of fields(reader)) {
      if (field === 2) this.#spans.add(this.#span(reader.message()), resource)
      else reader.skip()
    }
  }

  #span(reader: ProtobufReader): RawSpan {
    const span = emptySpan()
    const read: Readonly<Record<number, () => void>> = {
      1: () => (span.traceId = hex(reader.bytes())),
      2: () => (span.spanId = hex(reader.bytes())),
      3: () => (span.traceState = reader.string()),
      4: () => (span.parentSpanId = hex(reader.bytes())),
      5: () => (span.name = reader.string()),
      6: () => (span.kind = reader.uint32()),
      7: () => (span.startNs = reader.fixed64()),
      8: () => (span.endNs = reader.fixed64()),
      9: () => this.#attribute(reader.message(), span.attributes),
      11: () => span.events.push(this.#event(reader.message())),
      13: () => span.links.push(this.#link(reader.message())),
      15: () => this.#status(reader.message(), span),
    }
    for (const field of fields(reader)) {
      const value = read[field]
      if (value === undefined) reader.skip()
      else value()
    }
    return span
  }

  #status(reader: ProtobufReader, span: RawSpan): void {
    for (const field of fields(reader)) {
      if (field === 2) span.statusMessage = reader.string()
      else if (field === 3) span.statusCode = reader.uint32()
      else reader.skip()
    }
  }

  #event(reader: ProtobufReader): SpanEvent {
    this.#budget.take()
    const attributes = new Map<string, string>()
    let timeNs = 0n
    let name = ''
    for (const field of fields(reader)) {
      if (field === 1) timeNs = reader.fixed64()
      else if (field === 2) name = reader.string()
      else if (field === 3) this.#attribute(reader.message(), attributes)
      else reader.skip()
    }
    return { name, timeNs, attributes }
  }

  #link(reader: ProtobufReader): SpanLink {
    this.#budget.take()
    const attributes = new Map<string, string>()
    let traceId = ''
    let spanId = ''
    for (const field of fields(reader)) {
      if (field === 1) traceId = hex(reader.bytes())
      else if (field === 2) spanId = hex(reader.bytes())
      else if (field === 4) this.#attribute(reader.message(), attributes)
      else reader.skip()
    }
    return { traceId, spanId, attributes }
  }

  /** A KeyValue; at the top a text may be JSON already. */
  #attribute(reader: ProtobufReader, into: Map<string, string>, depth = 0): void {
    let key = ''
    let json = 'null'
    for (const field of fields(reader)) {
      if (field === 1) key = reader.string()
      else if (field === 2) json = this.#value(reader.message(), depth)
      else reader.skip()
    }
    into.set(key, json)
  }

  /** An AnyValue as JSON text. */
  #value(reader: ProtobufReader, depth: number): string {
    this.#budget.enter(depth)
    let json = 'null'
    for (const field of fields(reader)) {
      if (field === 1) json = depth === 0 ? stringText(reader.string()) : JSON.stringify(reader.string())
      else if (field === 2) json = String(reader.bool())
      else if (field === 3) json = reader.int64().toString()
      else if (field === 4) json = doubleText(reader.double())
      else if (field === 5) json = this.#array(reader.message(), depth)
      else if (field === 6) json = this.#object(reader.message(), depth)
      else if (field === 7) json = `"${Buffer.from(reader.bytes()).toString('base64')}"`
      else reader.skip()
    }
    return json
  }

  #array(reader: ProtobufReader, depth: number): string {
    const values: string[] = []
    for (const field of fields(reader)) {
      if (field === 1) values.push(this.#value(reader.message(), depth + 1))
      else reader.skip()
    }
    return `[${values.join(',')}]`
  }

  #object(reader: ProtobufReader, depth: number): string {
    const entries = new Map<string, string>()
    for (const field of fields(reader)) {
      if (field === 1) this.#attribute(reader.message(), entries, depth + 1)
      else reader.skip()
    }
    return objectText(entries)
  }
}
