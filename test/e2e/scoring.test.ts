import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

/** Sums columns of every kind, in TypeScript: one input a column. */
const columns = `
export const signature = {
  inputs: [
    { name: 'amount', datatype: 'FP64', shape: [-1, 1] },
    { name: 'count', datatype: 'INT64', shape: [-1, 1] },
    { name: 'country', datatype: 'BYTES', shape: [-1, 1], optional: true },
  ],
  outputs: [{ name: 'score', datatype: 'FP64', shape: [-1] }, { name: 'label', datatype: 'BYTES', shape: [-1, 1] }],
}
export const batched = true
export const predict = ({ amount, count, country }) => ({
  score: Float64Array.from(amount.data, (value, row) => value + Number(count.data[row])),
  label: Array.from(amount.data, (_, row) => country?.data[row] ?? 'none'),
})
`

/** Gives its one input back: a matrix with a column a feature. */
const matrix = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }] })

/** Answers what is no text. */
const raw = `
export const signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
  outputs: [{ name: 'bytes', datatype: 'BYTES', shape: [-1] }],
}
export const predict = ({ x }) => ({ bytes: Array.from(x.data, () => Uint8Array.of(0xff, 0)) })
`

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({
    models: { 'columns/1/model.ts': columns, 'matrix/1/model.echo.json': matrix, 'raw/1/model.ts': raw },
    flags: ['--default-model', 'columns'],
  })
})
afterAll(() => app.stop())

const invoke = async (
  body: unknown,
  { path = '/invocations', type = 'application/json' } = {},
): Promise<{ status: number; body: unknown; code: string | null }> => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await app.fetch(path, { method: 'POST', body: text, headers: { 'content-type': type } })
  const answer = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  return {
    status: response.status,
    body: isJson ? JSON.parse(answer.replace(/NaN|-?Infinity/g, '"$&"')) : answer,
    code: response.headers.get('slipway-error'),
  }
}
const matrixPath = '/api/slipway/v1/models/matrix/invocations'
const scores = async (body: unknown, type?: string): Promise<unknown> => {
  const answer = await invoke(body, type === undefined ? {} : { type })
  return answer.status === 200
    ? (answer.body as { predictions: { score: unknown }[] }).predictions.map((row) => row.score)
    : answer
}
const refusal = async (body: unknown, options?: Parameters<typeof invoke>[1]): Promise<string> => {
  const { status, body: answer } = await invoke(body, options)
  const { error_code: code, message } = answer as { error_code: string; message: string }
  return `${status} ${code} ${message}`
}

describe('/invocations', () => {
  it('takes every form of MLflow and answers records', async () => {
    const rows = [
      { amount: 1.5, count: 2, country: 'NO' },
      { amount: 3, count: 4, country: 'IS' },
    ]
    const lists = rows.map(({ amount, count, country }) => [country, amount, count])
    const expected = {
      predictions: [
        { score: 3.5, label: 'NO' },
        { score: 7, label: 'IS' },
      ],
    }
    const bodies = [
      { dataframe_split: { columns: ['country', 'amount', 'count'], data: lists } },
      { dataframe_split: { index: [7, 8], columns: ['country', 'amount', 'count'], data: lists } },
      { dataframe_records: rows },
      { instances: rows },
      { inputs: rows },
      { inputs: { amount: [1.5, 3], count: [2, 4], country: ['NO', 'IS'] } },
      { inputs: { amount: [1.5, 3], count: [2, 4], country: ['NO', 'IS'] }, params: { verbose: true } },
    ]
    for (const body of bodies)
      expect(await invoke(body), JSON.stringify(body)).toMatchObject({ status: 200, body: expected })
    const csv = 'country,amount,count\nNO,1.5,2\nIS,3,4\n'
    for (const type of ['text/csv', 'text/csv; charset=utf-8', 'text/csv;charset=UTF-8'])
      expect(await invoke(csv, { type })).toMatchObject({ status: 200, body: expected })
    expect(await invoke({ inputs: { amount: 1, count: 2 } })).toMatchObject({
      body: { predictions: [{ score: 3, label: 'none' }] },
    })
  })

  it('casts cells to the types of the columns, and ignores columns that the model lacks', async () => {
    const split = (...data: unknown[][]): object => ({ dataframe_split: { columns: ['amount', 'count', 'z'], data } })
    expect(await scores(split([1, 2, 9], [null, 3, 9], ['1.5', '2', 9], [true, false, 9]))).toEqual([3, 'NaN', 3.5, 1])
    expect(await scores(split([' -2e1 ', 2.0, []], ['inf', 1, {}]))).toEqual([-18, 'Infinity'])
    expect(await scores('{"inputs":{"amount":[NaN,-Infinity],"count":[1,1]}}')).toEqual(['NaN', '-Infinity'])
    expect(await scores('amount,count\n,1\nNA,2\n1e3,3\n', 'text/csv')).toEqual(['NaN', 'NaN', 1003])
    expect(await scores({ dataframe_records: [{ amount: 1, count: 2 }, { count: 3 }] })).toEqual([3, 'NaN'])
  })

  it('lays a table out as one matrix, in the order of its columns', async () => {
    const rows = [
      [1, 2, 3],
      [4, null, 6],
    ]
    const expected = {
      body: {
        predictions: [
          [1, 2, 3],
          [4, 'NaN', 6],
        ],
      },
    }
    const named = { columns: ['a', 'b', 'c'], data: rows }
    const bodies = [
      { dataframe_split: named },
      { dataframe_split: { data: rows } },
      { dataframe_records: rows.map(([a, b, c]) => ({ a, b, c })) },
      { instances: rows },
      { inputs: rows },
      { inputs: { x: rows } },
      { instances: rows.map((x) => ({ x })) },
    ]
    for (const body of bodies)
      expect(await invoke(body, { path: matrixPath }), JSON.stringify(body)).toMatchObject(expected)
    const csv = await invoke('a,b,c\n1,2,3\n4,,6\n', { path: matrixPath, type: 'text/csv' })
    expect(csv).toMatchObject(expected)
    const versioned = '/api/slipway/v1/models/matrix/versions/1/invocations'
    expect(await invoke({ inputs: [[1, 2, 3]] }, { path: versioned })).toMatchObject({
      body: { predictions: [[1, 2, 3]] },
    })
  })

  it('refuses what is not a table, in the words of MLflow', async () => {
    const exactlyOne = /^400 BAD_REQUEST The input must be a JSON dictionary with exactly one of the input fields/
    for (const body of [{}, [1], 3, { foo: 1 }, { inputs: [1], instances: [1] }])
      expect(await refusal(body)).toMatch(exactlyOne)
    expect(await refusal({ inputs: { amount: [1] } })).toBe(
      "400 INVALID_PARAMETER_VALUE Failed to enforce schema of data. Error: Model is missing inputs ['count'].",
    )
    expect(await refusal({ dataframe_split: { columns: ['amount', 'c'], data: [[1, 2]] } })).toMatch(
      /Model is missing inputs \['count'\]. Note that there were extra inputs: \['c'\].$/,
    )
    expect(await refusal({ instances: [[1, 2]] })).toMatch(
      /missing inputs \['amount', 'count'\].*extra inputs: \['0', '1'\]/,
    )
    expect(await refusal({ dataframe_records: [] })).toMatch(/missing inputs \['amount', 'count'\]/)
    expect(await refusal('count\n1\n', { type: 'text/csv' })).toMatch(/missing inputs \['amount'\]/)
    expect(await refusal('{')).toMatch(/^400 BAD_REQUEST failed to parse the request JSON/)
  })

  it('says which cell is wrong', async () => {
    const row = (amount: unknown, count: unknown, country: unknown = 'NO'): object => ({
      dataframe_records: [
        { amount: 1, count: 1, country: 'IS' },
        { amount, count, country },
      ],
    })
    const wrong = (column: string, type: string, cell: string): string =>
      `400 BAD_REQUEST Data is not compatible with model signature. Failed to convert column ${column} to type ${type}: row 1 has ${cell}`
    expect(await refusal(row('x', 1))).toBe(wrong('amount', 'FP64', '"x"'))
    expect(await refusal(row([1], 1))).toBe(wrong('amount', 'FP64', 'a list'))
    expect(await refusal(row({ a: 1 }, 1))).toBe(wrong('amount', 'FP64', 'an object'))
    expect(await refusal(row(1, 1.5))).toBe(wrong('count', 'INT64', '1.5'))
    expect(await refusal(row(1, null))).toBe(wrong('count', 'INT64', 'a missing value'))
    expect(await refusal(row(1, 1, null))).toBe(wrong('country', 'BYTES', 'a missing value'))
    expect(await refusal(row(1, 1, true))).toBe(wrong('country', 'BYTES', 'true'))
    expect(await refusal('{"inputs":{"amount":[1,1],"count":[1,9223372036854775808]}}')).toBe(
      wrong('count', 'INT64', '9223372036854775808'),
    )
    expect(await refusal('amount,count\n1,1\n2,x\n', { type: 'text/csv' })).toBe(wrong('count', 'INT64', '"x"'))
  })

  it('keeps the digits of large whole numbers, and takes numbers for text', async () => {
    const body =
      '{"inputs":{"amount":[0,0],"count":[9007199254740993,-9007199254740995],"country":[7,9007199254740993]}}'
    const answer = await invoke(body)
    expect(answer.body).toEqual({
      predictions: [
        { score: 9007199254740992, label: '7' },
        { score: -9007199254740996, label: '9007199254740993' },
      ],
    })
  })

  it('refuses ragged rows, columns that appear twice and lists of different lengths', async () => {
    const split = (columns: unknown, data: unknown, rest = {}): object => ({
      dataframe_split: { columns, data, ...rest },
    })
    const bodies: readonly (readonly [object, RegExp])[] = [
      [split(['amount', 'count'], [[1, 2], [3]]), /row 1 has 1 values; every row must be a list of 2/],
      [split(['amount', 'count'], [[1, 2], 3]), /row 1 has 1 values/],
      [split(['amount', 'count'], [[1, 2], { amount: 3 }]), /row 1 is an object/],
      [split(['amount', 'count', 'amount'], [[1, 2, 3]]), /the column 'amount' appears more than once/],
      [split('amount', [[1]]), /'columns' of dataframe_split must be a list/],
      [split([{}], [[1]]), /must be a string/],
      [split(['amount'], 'rows'), /'data' of dataframe_split must be a list/],
      [split(['amount', 'count'], [[1, 2]], { index: [1, 2] }), /'index' of dataframe_split/],
      [split(['amount', 'count'], [[1, 2]], { other: 1 }), /Dataframe split format must have 'data' field/],
      [{ dataframe_split: [1] }, /Dataframe split format must be a dictionary. Got list./],
      [{ dataframe_records: { amount: 1 } }, /Dataframe records format must be a list of records. Got dictionary./],
      [{ dataframe_records: [{ amount: 1, count: 1 }, 3] }, /row 1 is not an object/],
      [{ inputs: { amount: [1, 2], count: [3] } }, /All arrays must be of the same length/],
      [{ inputs: { amount: [1, 2], count: 3 } }, /'count' is not a list/],
    ]
    for (const [body, reason] of bodies) expect(await refusal(body), JSON.stringify(body)).toMatch(reason)
    for (const csv of [
      'amount,count,amount\n1,2,3\n',
      'amount,count\n1\n',
      'amount,count\n1,2,3\n',
      '',
      'amount,"count\n1,2',
    ])
      expect(await refusal(csv, { type: 'text/csv' }), csv).toMatch(/^400 BAD_REQUEST/)
    const ragged = [
      [1, 2, 3],
      [1, 2],
    ]
    expect(await refusal({ inputs: ragged }, { path: matrixPath })).toMatch(/the data is ragged/)
    expect(await refusal({ inputs: [[1, 2, 3], 4] }, { path: matrixPath })).toMatch(/the data is ragged/)
    expect(await refusal({ inputs: [[1, 2]] }, { path: matrixPath })).toMatch(
      /^400 INVALID_PARAMETER_VALUE .*expected shape/,
    )
    expect(await refusal({ inputs: [[[1, 2, 3]]] }, { path: matrixPath })).toMatch(/^400 INVALID_PARAMETER_VALUE/)
  })

  it('is not led astray by names that objects inherit', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
    for (const name of names) {
      expect(await refusal(`{"dataframe_records":[{"amount":1,"${name}":{"count":1}}]}`)).toMatch(
        /missing inputs \['count'\]/,
      )
      expect(await refusal(`{"inputs":{"amount":[1],"${name}":[2]}}`)).toMatch(/missing inputs \['count'\]/)
    }
    expect(await refusal('{"__proto__":{"inputs":{"amount":[1],"count":[2]}}}')).toMatch(/exactly one/)
    expect(await scores('{"inputs":{"amount":[1],"count":[2],"__proto__":[3]}}')).toEqual([3])
  })

  it('answers 415 to other content types', async () => {
    const refused = async (type: string): Promise<unknown> => {
      const { status, body, code } = await invoke('{}', { type })
      expect([status, code]).toEqual([415, 'unsupported_media_type'])
      return body
    }
    expect(await refused('text/plain')).toMatch(/^This predictor only supports the following content types/)
    expect(await refused('application/json; charset=latin-1')).toBe('The scoring server only supports UTF-8')
    expect(await refused('application/json; foo=1')).toMatch(/^Unrecognized content type parameters: foo/)
    expect(await refused('')).toMatch(/^This predictor only supports/)
  })

  it('bounds depth, and tables that would grow beyond what came', async () => {
    expect(await refusal('{"inputs":'.concat('['.repeat(200), ']'.repeat(200), '}'))).toMatch(/nesting deeper than 100/)
    const large = '['.repeat(400_000) + ']'.repeat(400_000)
    expect(await refusal(`{"inputs":${large}}`)).toMatch(/nesting deeper than 100/)
    // One row has every column; the others have none, and would be NaN a thousand times each.
    const wide = `{"inputs":[${'[1,1,1],'.repeat(10)}[${'1,'.repeat(500_000)}1]]}`
    expect(await refusal(wide, { path: matrixPath })).toMatch(/the data is ragged/)
    const sparse = `{"dataframe_records":[{${Array.from({ length: 3000 }, (_, i) => `"c${i}":1`).join(',')}}${',{}'.repeat(100_000)}]}`
    expect(await refusal(sparse, { path: matrixPath })).toMatch(/^413 .*100001 rows and 3000 columns/)
  })

  it('reads and writes large tables on a thread of their own, to the same answers', async () => {
    const rows = Array.from({ length: 20_000 }, (_, row) => ({ amount: row / 2, count: row, country: `c${row}` }))
    const small = await invoke({ instances: rows.slice(0, 100) })
    for (const body of [
      { dataframe_records: rows },
      {
        inputs: {
          amount: rows.map((row) => row.amount),
          count: rows.map((row) => row.count),
          country: rows.map((row) => row.country),
        },
      },
    ]) {
      const answer = await invoke(body)
      const { predictions } = answer.body as { predictions: unknown[] }
      expect(predictions.length).toBe(20_000)
      expect(predictions.slice(0, 100)).toEqual((small.body as { predictions: unknown[] }).predictions)
      expect(predictions.at(-1)).toEqual({ score: 9999.5 + 19_999, label: 'c19999' })
    }
    const csv = `amount,count,country\n${rows.map((row) => Object.values(row).join(',')).join('\n')}\n`
    expect(((await invoke(csv, { type: 'text/csv' })).body as { predictions: unknown[] }).predictions.at(-1)).toEqual({
      score: 9999.5 + 19_999,
      label: 'c19999',
    })
    rows.push({ amount: 0, count: 0.5, country: 'x' })
    expect(await refusal({ dataframe_records: rows })).toMatch(/row 20000 has 0.5/)
  })

  it('says that bytes that are no text have no JSON, also of a large answer', async () => {
    for (const rows of [1, 20_000]) {
      const body = { instances: Array(rows).fill(1) }
      expect(await refusal(body, { path: '/api/slipway/v1/models/raw/invocations' })).toMatch(
        /^500 INTERNAL_ERROR model 'raw' failed: its output 'bytes' is no text: element 0 is not valid UTF-8/,
      )
    }
  })

  it('answers an empty table with no predictions', async () => {
    expect(await invoke({ dataframe_split: { columns: ['amount', 'count'], data: [] } })).toMatchObject({
      status: 200,
      body: { predictions: [] },
    })
  })
})

describe('/predict', () => {
  const predict = (data: unknown, path = '/predict'): ReturnType<typeof invoke> => invoke({ data }, { path })

  it('takes rows as lists or objects and tells which version answered', async () => {
    const expected = { predictions: [{ score: 3, label: 'NO' }], model: 'columns', version: '1' }
    expect(await predict([[1, 2, 'NO']])).toMatchObject({ status: 200, body: expected })
    expect(await predict([{ amount: 1, count: 2, country: 'NO' }])).toMatchObject({ body: expected })
    expect(await predict({ amount: 1, count: 2, country: 'NO' })).toMatchObject({ body: expected })
    expect(await predict([[1, 2, 3]], '/api/slipway/v1/models/matrix/predict')).toMatchObject({
      body: { predictions: [[1, 2, 3]], model: 'matrix', version: '1' },
    })
  })

  it("refuses in the server's own shape", async () => {
    for (const [body, reason] of [
      [{}, /must have 'data'/],
      [[1], /must be a JSON object/],
      [{ data: 3 }, /must be a list of rows/],
      [{ data: [[1]] }, /missing inputs/],
      [
        {
          data: [
            [1, 2, 'a'],
            [1, 2],
          ],
        },
        /row 1 has 2 values/,
      ],
    ] as const) {
      const { status, body: answer } = await invoke(body, { path: '/predict' })
      expect(status).toBe(400)
      expect((answer as { error: string }).error).toMatch(reason)
    }
    const unknown = await predict([[1]], '/api/slipway/v1/models/nobody/predict')
    expect([unknown.status, unknown.code]).toEqual([404, 'model_not_found'])
  })
})

describe('a path that names no model', () => {
  it('is answered by the only one, and refused among several', async () => {
    await using one = await startTestApp({ models: { 'matrix/1/model.echo.json': matrix } })
    expect((await one.fetch('/ping')).status).toBe(200)
    expect(await (await one.post('/predict', { data: [[1, 2, 3]] })).json()).toMatchObject({ model: 'matrix' })
    await using several = await startTestApp({
      models: { 'a/1/model.echo.json': matrix, 'b/1/model.echo.json': matrix },
    })
    const refused = await several.post('/invocations', { inputs: [[1, 2, 3]] })
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({
      error_code: 'BAD_REQUEST',
      message: expect.stringMatching(/several models are served \(a, b\).*--default-model/) as string,
    })
    expect((await several.fetch('/ping')).status).toBe(200)
  })

  it('is not answered when there is none, or it does not load', async () => {
    await using none = await startTestApp()
    expect((await none.post('/invocations', { inputs: [1] })).status).toBe(404)
    expect((await none.fetch('/ping')).status).toBe(404)
    await using broken = await startTestApp({ models: { 'm/1/model.echo.json': '{' } })
    expect((await broken.fetch('/ping')).status).toBe(503)
    const refused = await broken.post('/invocations', { inputs: [[1]] })
    expect([refused.status, refused.headers.get('slipway-error')]).toEqual([503, 'model_unavailable'])
    await using missing = await startTestApp({
      models: { 'm/1/model.echo.json': matrix },
      flags: ['--default-model', 'other'],
    })
    expect((await missing.fetch('/ping')).status).toBe(503)
    expect((await missing.post('/invocations', { inputs: [[1]] })).status).toBe(404)
  })

  it('has its health where MLflow and SageMaker look', async () => {
    for (const path of ['/ping', '/health', '/version']) expect((await app.fetch(path)).status).toBe(200)
    expect(await (await app.fetch('/ping')).text()).toBe('\n')
  })
})
