import { fail } from '../../../protocol/index.ts'
import type { SpanEvent, SpanLink } from '../../../registry/index.ts'
import type { JsonValue } from '../../../tensor/index.ts'
import { parseJson } from '../../../tensor/index.ts'
import { DecodeBudget, otlpLimits, requireSpanCount } from './decode-budget.ts'
import { doubleText, objectText, stringText } from './json-text.ts'
import type { DecodedSpans, RawSpan } from './received.ts'
import { emptySpan, SpanCollector } from './received.ts'

type Json = Readonly<Record<string, JsonValue>>

const wrong = (what: string): Error => fail('invalid_parameter', { reason: `${what} in the request's JSON` })

const object = (value: JsonValue | undefined, name: string): Json => {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong(`'${name}' is no object`)
  return value as Json
}

const list = (of: Json, name: string): readonly Json[] => {
  const value = own(of, name)
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrong(`'${name}' is no list`)
  return (value as readonly JsonValue[]).map((each) => object(each, name))
}

const own = (of: Json, name: string): JsonValue | undefined => (Object.hasOwn(of, name) ? of[name] : undefined)

const text = (of: Json, name: string): string => {
  const value = own(of, name) ?? ''
  if (typeof value !== 'string') throw wrong(`'${name}' is no text`)
  return value
}

/** An integer, which OTLP writes as text because of JSON's readers, and takes as a number. */
const integer = (of: Json, name: string): bigint => {
  const value = own(of, name) ?? 0
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value)
  throw wrong(`'${name}' is no integer`)
}

/** OTLP's enums are numbers in JSON. */
const small = (of: Json, name: string): number => Number(BigInt.asIntN(32, integer(of, name)))

const hexText = (of: Json, name: string): string => text(of, name).toLowerCase()

/** Objects of the request above the attributes, which have a limit of their own. */
const depthAround = 16

/**
 * Reads an ExportTraceServiceRequest in OTLP's JSON encoding: ids in hex, 64-bit integers as text, unknown names passed
 * over. Fails with JsonError, and with `invalid_parameter` for what is none or is above the limits.
 */
export const decodeJson = (body: Uint8Array): DecodedSpans => {
  const request = object(parseJson(body, { depthMax: otlpLimits.depth * 4 + depthAround }), 'the request')
  let count = 0
  for (const resourceSpans of list(request, 'resourceSpans'))
    for (const scopeSpans of list(resourceSpans, 'scopeSpans'))
      requireSpanCount((count += list(scopeSpans, 'spans').length))
  return new Decoder().request(request)
}

class Decoder {
  readonly #budget = new DecodeBudget()
  readonly #spans = new SpanCollector()

  request(request: Json): DecodedSpans {
    for (const resourceSpans of list(request, 'resourceSpans')) {
      const resource = this.#attributes(object(own(resourceSpans, 'resource'), 'resource'))
      for (const scopeSpans of list(resourceSpans, 'scopeSpans'))
        for (const span of list(scopeSpans, 'spans')) this.#spans.add(this.#span(span), resource)
    }
    return this.#spans.result
  }

  #span(span: Json): RawSpan {
    const status = object(own(span, 'status'), 'status')
    return {
      ...emptySpan(),
      traceId: hexText(span, 'traceId'),
      spanId: hexText(span, 'spanId'),
      parentSpanId: hexText(span, 'parentSpanId'),
      name: text(span, 'name'),
      kind: small(span, 'kind'),
      traceState: text(span, 'traceState'),
      startNs: integer(span, 'startTimeUnixNano'),
      endNs: integer(span, 'endTimeUnixNano'),
      statusCode: small(status, 'code'),
      statusMessage: text(status, 'message'),
      attributes: this.#attributes(span),
      events: list(span, 'events').map((event) => this.#event(event)),
      links: list(span, 'links').map((link) => this.#link(link)),
    }
  }

  #event(event: Json): SpanEvent {
    this.#budget.take()
    return {
      name: text(event, 'name'),
      timeNs: integer(event, 'timeUnixNano'),
      attributes: this.#attributes(event),
    }
  }

  #link(link: Json): SpanLink {
    this.#budget.take()
    return {
      traceId: hexText(link, 'traceId'),
      spanId: hexText(link, 'spanId'),
      attributes: this.#attributes(link),
    }
  }

  #attributes(of: Json): Map<string, string> {
    return new Map(
      list(of, 'attributes').map((each) => [text(each, 'key'), this.#value(object(own(each, 'value'), 'value'), 0)]),
    )
  }

  /** An AnyValue as JSON text; at the top a text may be JSON already. */
  #value(value: Json, depth: number): string {
    this.#budget.enter(depth)
    const [name] = Object.keys(value)
    switch (name) {
      case 'stringValue':
        return depth === 0 ? stringText(text(value, name)) : JSON.stringify(text(value, name))
      case 'boolValue':
        return value[name] === true ? 'true' : 'false'
      case 'intValue':
        return BigInt.asIntN(64, integer(value, name)).toString()
      case 'doubleValue':
        return doubleText(decimal(value[name]))
      case 'arrayValue': {
        const values = list(object(value[name], name), 'values')
        return `[${values.map((each) => this.#value(each, depth + 1)).join(',')}]`
      }
      case 'kvlistValue': {
        const pairs = list(object(value[name], name), 'values')
        const entries = pairs.map((each): [string, string] => [
          text(each, 'key'),
          this.#value(object(own(each, 'value'), 'value'), depth + 1),
        ])
        return objectText(new Map(entries))
      }
      case 'bytesValue':
        return JSON.stringify(text(value, name))
      default:
        return 'null'
    }
  }
}

const decimal = (value: JsonValue | undefined): number => {
  const number = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN
  if (Number.isNaN(number) && value !== 'NaN') throw wrong("'doubleValue' is no number")
  return number
}
