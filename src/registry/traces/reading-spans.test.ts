import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { previewOf } from './preview.ts'
import { withMlflowNames } from './semantic-conventions.ts'
import { totalUsage } from './token-usage.ts'

describe('a preview', () => {
  it.each([
    [
      'the last message of the user',
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      },
      'a',
    ],
    ['the last message when none is the user’s', { messages: [{ role: 'system', content: 'c' }] }, 'c'],
    [
      'the first text of a message in parts',
      { input: [{ role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'd' }] }] },
      'd',
    ],
    ['a choice of a reply', { choices: [{ message: { role: 'assistant', content: 'e' } }] }, 'e'],
    ['a request within', { request: { input: [{ role: 'user', content: 'f' }] } }, 'f'],
  ])('shows %s', (_, value, expected) => {
    expect(previewOf(JSON.stringify(value), 'user')).toBe(expected)
  })

  it.each(['"text"', '{"a":1}', '{"messages":[]}', '{"messages":[1,null,{"role":"user"}]}', '{broken', '[1]'])(
    'shows %s as it is',
    (json) => expect(previewOf(json, 'user')).toBe(json),
  )

  it('is never longer than a thousand characters, whatever it is of', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (json) => {
        expect(previewOf(json.repeat(50), 'user').length).toBeLessThanOrEqual(1000)
      }),
    )
  })
})

describe('the tokens of a trace', () => {
  const node = (
    spanId: string,
    parentSpanId: string | undefined,
    tokens?: number,
  ): Parameters<typeof totalUsage>[0][0] => ({
    spanId,
    parentSpanId,
    usage: tokens === undefined ? undefined : JSON.stringify({ input_tokens: tokens }),
  })
  const input = (nodes: Parameters<typeof totalUsage>[0]): unknown =>
    (JSON.parse(totalUsage(nodes) ?? '{}') as { input_tokens?: number }).input_tokens

  it('are those of the highest spans that know them', () => {
    expect(
      input([node('a', undefined), node('b', 'a', 5), node('c', 'b', 5), node('d', 'c', 1), node('e', 'a', 2)]),
    ).toBe(7)
    expect(input([node('c', 'b', 5), node('b', 'a'), node('a', undefined, 9)])).toBe(9)
    expect(input([node('a', 'missing', 4)])).toBe(4)
  })

  it('are counted though parents go round in a circle', () => {
    expect(input([node('a', 'b'), node('b', 'a'), node('c', 'a', 3)])).toBe(3)
  })

  it('are unknown when no span knows any', () => {
    expect(totalUsage([node('a', undefined)])).toBeUndefined()
    expect(totalUsage([{ spanId: 'a', parentSpanId: undefined, usage: '[1]' }])).toBeUndefined()
    expect(totalUsage([{ spanId: 'a', parentSpanId: undefined, usage: 'broken' }])).toBeUndefined()
  })
})

describe('spans of other instrumentations', () => {
  it('are read by OpenTelemetry’s conventions for generative AI', () => {
    const named = withMlflowNames(
      new Map([
        ['gen_ai.operation.name', '"chat"'],
        ['gen_ai.usage.input_tokens', '7'],
        ['gen_ai.usage.output_tokens', '"3"'],
        ['gen_ai.input.messages', '[{"role":"user"}]'],
        ['gen_ai.request.model', '"m"'],
      ]),
    )
    expect(named.get('mlflow.spanType')).toBe('"CHAT_MODEL"')
    expect(JSON.parse(named.get('mlflow.chat.tokenUsage') ?? '')).toEqual({
      input_tokens: 7,
      output_tokens: 3,
      total_tokens: 10,
    })
    expect(named.get('mlflow.spanInputs')).toBe('[{"role":"user"}]')
    expect(named.get('mlflow.llm.model')).toBe('"m"')
  })

  it('are read by OpenInference, whose unknown kinds say nothing', () => {
    expect(withMlflowNames(new Map([['openinference.span.kind', '"RETRIEVER"']])).get('mlflow.spanType')).toBe(
      '"RETRIEVER"',
    )
    expect(withMlflowNames(new Map([['openinference.span.kind', '"NEW"']])).has('mlflow.spanType')).toBe(false)
  })

  it('keep what they say in MLflow’s own words', () => {
    const own = new Map([
      ['mlflow.spanType', '"TOOL"'],
      ['mlflow.spanInputs', '1'],
      ['openinference.span.kind', '"LLM"'],
      ['input.value', '2'],
    ])
    expect(withMlflowNames(own)).toBe(own)
  })
})
