import { describe, expect, it } from 'vitest'
import { experimentsGrammar } from './grammar-experiments.ts'
import { loggedModelsGrammar } from './grammar-logged-models.ts'
import { modelVersionsGrammar } from './grammar-model-versions.ts'
import { registeredModelsGrammar } from './grammar-registered-models.ts'
import { runsGrammar } from './grammar-runs.ts'
import { parseOrderBy } from './parse-order-by.ts'
import { type OrderField, parseOrderFields } from './parse-order-fields.ts'

const order = (entity: string, key: string, ascending: boolean): object => ({ entity, key, ascending })

describe('an order_by clause', () => {
  it.each([
    [runsGrammar, 'metrics.`Mean Square Error`', order('metric', 'Mean Square Error', true)],
    [runsGrammar, 'metrics."a b" DESC', order('metric', 'a b', false)],
    [runsGrammar, 'params.`my_param` asc', order('param', 'my_param', true)],
    [runsGrammar, ' tags.tag1    DESC ', order('tag', 'tag1', false)],
    [runsGrammar, 'attributes.Created DESC', order('attribute', 'start_time', false)],
    [runsGrammar, 'attribute.run_id', order('attribute', 'run_id', true)],
    [runsGrammar, '"Run Name" desc', order('attribute', 'run_name', false)],
    [experimentsGrammar, 'experiment_id desc', order('attribute', 'experiment_id', false)],
    [registeredModelsGrammar, 'timestamp DESC', order('attribute', 'last_updated_timestamp', false)],
    [registeredModelsGrammar, 'creation_timestamp', order('attribute', 'creation_timestamp', true)],
    [modelVersionsGrammar, 'version_number DESC', order('attribute', 'version_number', false)],
  ])('%# %j is read', (grammar, clause, expected) => {
    expect(parseOrderBy([clause], grammar)).toEqual([expected])
  })

  it.each([
    ['m.acc', "Invalid entity type 'm'"],
    ['`metrics.A`', "Invalid entity type 'metrics.A'"],
    ['acc', "Invalid attribute key 'acc'"],
    ['attribute.experiment_id', 'Invalid attribute key'],
    ['dataset.name', 'Invalid order_by entity: dataset'],
    ['', 'Invalid order_by clause'],
    ['`metrics.A', 'Invalid order_by clause'],
    ['metrics.A != 1', 'Invalid order_by clause'],
    ['metrics.A DESC blah', 'Invalid order_by clause'],
    ['metrics.A 1', 'Invalid order_by clause'],
    ["'start_time'", 'Invalid order_by clause'],
    ['DESC', "Invalid attribute key 'DESC'"],
    ['not', 'Invalid order_by clause'],
    ['start_time, (SELECT 1)', 'Invalid order_by clause'],
    ['start_time; DROP TABLE runs', 'Invalid order_by clause'],
    ['start_time -- x', 'Invalid order_by clause'],
    ['run_id ACS', 'Invalid ordering key in order_by clause'],
    ['1', 'Invalid order_by clause'],
  ])('%j is refused with %j', (clause, expected) => {
    expect(() => parseOrderBy([clause], runsGrammar)).toThrow(expected)
  })

  it('orders by attributes alone where there is nothing else', () => {
    expect(() => parseOrderBy(['tags.a'], experimentsGrammar)).toThrow('Invalid order_by entity: tag')
    expect(() => parseOrderBy(['run_id'], modelVersionsGrammar)).toThrow('Invalid attribute key')
  })

  it('comes with nineteen others at most', () => {
    expect(() => parseOrderBy(Array(21).fill('run_id'), runsGrammar)).toThrow('More than 20')
  })
})

describe('an order given as objects', () => {
  const read = (field: OrderField): unknown => parseOrderFields([field], loggedModelsGrammar)[0]

  it('names attributes and metrics, the metrics of a dataset too', () => {
    expect(read({ field_name: 'creation_time' })).toEqual(order('attribute', 'creation_timestamp', true))
    expect(read({ field_name: 'metrics.a "b" c', ascending: false })).toEqual(order('metric', 'a "b" c', false))
    expect(read({ field_name: 'metrics.`a`', dataset_name: 'd', dataset_digest: 'e' })).toEqual({
      ...order('metric', 'a', true),
      dataset: { name: 'd', digest: 'e' },
    })
    expect(read({ field_name: 'metrics.a', dataset_name: 'd' })).toMatchObject({ dataset: { name: 'd' } })
  })

  it.each([
    [{ field_name: 'params.a' }, 'Invalid order_by entity: param'],
    [{ field_name: 'nothing' }, 'Invalid attribute key'],
    [{ field_name: 'metrics.a', dataset_digest: 'e' }, '`dataset_digest` can only be specified if'],
    [{ field_name: 'name', dataset_name: 'd' }, 'Invalid order_by clause'],
    [{ field_name: 'metrics.\0' }, 'Invalid order_by clause'],
    [{ field_name: `metrics.${'a'.repeat(1000)}` }, 'Invalid order_by clause'],
  ])('%j is refused with %j', (field, expected) => {
    expect(() => read(field)).toThrow(expected)
  })

  it('has twenty parts at most', () => {
    expect(() => parseOrderFields(Array(21).fill({ field_name: 'name' }), loggedModelsGrammar)).toThrow('More than 20')
  })
})
