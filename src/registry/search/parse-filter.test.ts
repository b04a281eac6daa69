import { describe, expect, it } from 'vitest'
import { experimentsGrammar } from './grammar-experiments.ts'
import { loggedModelsGrammar } from './grammar-logged-models.ts'
import { modelVersionsGrammar } from './grammar-model-versions.ts'
import { registeredModelsGrammar } from './grammar-registered-models.ts'
import { runsGrammar } from './grammar-runs.ts'
import { parseFilter } from './parse-filter.ts'
import { SearchError } from './search-error.ts'
import type { SearchFilter } from './search-filter.ts'

/** A filter in one line, the clauses as `entity key operator value`. */
function short(filter: SearchFilter): string {
  if (filter.kind === 'not') return `not(${short(filter.term)})`
  if (filter.kind !== 'compare') return `${filter.kind}(${filter.terms.map(short).join('; ')})`
  return `${filter.entity} ${filter.key} ${filter.operator} ${JSON.stringify(filter.value)}`
}

const read = (text: string, grammar = runsGrammar): string => short(parseFilter(text, grammar))

function messageOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof SearchError) return error.message
    throw error
  }
  return 'no error'
}

describe('a filter in the language of MLflow', () => {
  it.each([
    ['', 'and()'],
    ['  \n', 'and()'],
    ['metric.acc >= 0.94', 'metric acc >= 0.94'],
    ['metrics.acc>=100', 'metric acc >= 100'],
    ['metrics.acc<-1.5e-3', 'metric acc < -0.0015'],
    ['metrics.acc = .5', 'metric acc = 0.5'],
    ["params.m!='tf'", 'param m != "tf"'],
    ['params."m"!="tf"', 'param m != "tf"'],
    ["parameter.m = 'x'", 'param m = "x"'],
    ['metric."legit name" >= 0.243', 'metric legit name >= 0.243'],
    ['metrics."X//Y#$$@&Z" = 3', 'metric X//Y#$$@&Z = 3'],
    ['metrics.`spacey name` > 5', 'metric spacey name > 5'],
    ['metrics."accuracy.2.0" > 5', 'metric accuracy.2.0 > 5'],
    ['`metric`.a >= 0.1', 'metric a >= 0.1'],
    ['metrics.val/loss-1 < 2', 'metric val/loss-1 < 2'],
    ["tags.mlflow.source.name = 'train.py'", 'tag mlflow.source.name = "train.py"'],
    ["tags.in = 'x'", 'tag in = "x"'],
    ["tags.modèle = 'é'", 'tag modèle = "é"'],
    ["tags.__proto__ = 'x'", 'tag __proto__ = "x"'],
    ['params.m = "L\'Hosp"', 'param m = "L\'Hosp"'],
    ["params.m = 'L''Hosp'", 'param m = "L\'Hosp"'],
    ["params.path = 'C:\\'", 'param path = "C:\\\\"'],
    ["run.status = 'RUNNING'", 'attribute status = "RUNNING"'],
    ["attr.status = 'RUNNING'", 'attribute status = "RUNNING"'],
    ['created > 5', 'attribute start_time > 5'],
    ['attributes.Created > 5', 'attribute start_time > 5'],
    ["attributes.`Run Name` = 'x'", 'attribute run_name = "x"'],
    ['"run name" = "x"', 'attribute run_name = "x"'],
    ["`Run name` LIKE 'x%'", 'attribute run_name LIKE "x%"'],
    ["dataset.name = 'd'", 'dataset name = "d"'],
    ["datasets.digest NOT IN ('a', 'b')", 'dataset digest NOT IN ["a","b"]'],
    ["run_id in ('a',)", 'attribute run_id IN ["a"]'],
    ['tags.a is null and params.b Is Not Null', 'and(tag a IS NULL null; param b IS NOT NULL null)'],
    ["metrics.r < 1 and params.m iLike 'LR'", 'and(metric r < 1; param m ILIKE "LR")'],
  ])('%j is read as %s', (text, expected) => {
    expect(read(text)).toBe(expected)
  })

  it.each([
    ['metrics.a IN (1, 2.5)', 'metric a IN [1,2.5]'],
    ['start_time NOT IN (1)', 'attribute start_time NOT IN [1]'],
    ['created > 1 or created < 0 and end_time = 2', `or(${t('>', 1)}; and(${t('<', 0)}; attribute end_time = 2))`],
    ['NOT created > 1 AND created < 3', `and(not(${t('>', 1)}); ${t('<', 3)})`],
    ['not (created > 1 OR (created < 3))', `not(or(${t('>', 1)}; ${t('<', 3)}))`],
    ['NOT NOT created > 1', `not(not(${t('>', 1)}))`],
  ])('takes in addition %j', (text, expected) => {
    expect(read(text)).toBe(expected)
  })

  it.each([
    ['metric.acc >= 0.94; metrics.rmse < 1', 'Search filter contained multiple expression'],
    ['m.acc >= 0.94', "Invalid entity type 'm'"],
    ['`metrics.A` > 1', "Invalid entity type 'metrics.A'"],
    ['acc >= 0.94', "Invalid attribute key 'acc'"],
    ['attribute.experiment_id != 1', "Invalid attribute key 'experiment_id'"],
    ["attribute.__proto__ = 'x'", "Invalid attribute key '__proto__'"],
    ["constructor = 'x'", "Invalid attribute key 'constructor'"],
    ['foo is null', "Invalid attribute key 'foo'"],
    ["RUN_ID = 'a'", "Invalid attribute key 'RUN_ID'"],
    ["dataset.status = 'true'", "Invalid dataset key 'status'"],
    ["metrics.A > 0.1 NAND params.B = 'LR'", "Invalid clause(s) in filter string: 'NAND params"],
    ['metrics.A > 0.1 AND', 'Invalid clause(s) in filter string'],
    ['AND metrics.A > 0.1', 'Invalid clause(s) in filter string'],
    ['(metrics.A > 0.1', 'Invalid clause(s) in filter string'],
    ['metrics.A > 0.1)', "Invalid clause(s) in filter string: ')'"],
    ['()', 'Invalid clause(s) in filter string'],
    ['`metrics.A > 0.1', 'Invalid clause(s) in filter string'],
    ['param`.A > 0.1', 'Invalid clause(s) in filter string'],
    ['metrics. > 1', 'Invalid clause(s) in filter string'],
    ['attribute.status = true', 'Invalid clause(s) in filter string'],
    ["params.acc = 'LR", 'Invalid clause(s) in filter string'],
    ["params.acc = LR'", 'Invalid clause(s) in filter string'],
    ['params.acc = "LR\'', 'Invalid clause(s) in filter string'],
    ["tags.acc = = 'LR'", 'Invalid clause(s) in filter string'],
    ["attribute.status IS 'RUNNING'", 'Invalid clause(s) in filter string'],
    ['params.acc LR !=', 'Invalid clause(s) in filter string'],
    ['metric.acc !=', 'Invalid clause(s) in filter string'],
    ['metric.acc = 1e', 'Invalid clause(s) in filter string'],
    ["tags.a = 'x\0y'", 'Invalid clause(s) in filter string'],
    ["tags.a = 'x' 'y'", 'Invalid clause(s) in filter string'],
    ['metrics.a = 1 -- comment', 'Invalid clause(s) in filter string'],
    ["metric.model = '5'", "Expected numeric value type for metric. Found '5'"],
    ['metrics.acc != metrics.acc', 'Expected numeric value type for metric'],
    ['metrics.acc = 1e999', 'Expected numeric value type for metric. Found 1e999'],
    ["start_time = 'x'", 'Expected numeric value type for numeric attribute: start_time'],
    ['params.acc = 5', "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 5"],
    ['tags.acc = 5', 'Expected a quoted string value for tag'],
    ['attribute.status = 1', 'Expected a quoted string value for attributes. Got value 1'],
    ['dataset.name = 1', 'Expected a quoted string value for dataset attributes'],
    ['params.acc = LR', 'value is either not quoted or unidentified quote types used for string value LR'],
    ['params.acc = `LR`', 'value is either not quoted or unidentified quote types'],
    ['1=1', "Expected 'Identifier' found '1'"],
    ["'a' = 'a'", "Expected 'Identifier' found ''a''"],
    ['metrics.abc ~= 1', "Invalid comparator '~='"],
    ['metrics.abc == 1', "Invalid comparator '=='"],
    ["params.abc > 'a'", "Invalid comparator '>'"],
    ["status <= 'a'", "Invalid comparator '<='"],
    ['start_time LIKE 1234', "Invalid comparator 'LIKE'"],
    ["tags.a IN ('x')", "Invalid comparator 'IN'"],
    ["status IN ('x')", "Only the 'run_id' attribute supports comparison with a list of quoted string values."],
    ['run_id IN ()', 'expected a non-empty list of string values, but got empty list'],
    ["run_id IN ('a'", 'but got ill-formed list'],
    ["run_id IN ('a', 1)", 'expected a non-empty list of string values, but got 1'],
    ["run_id IN 'a'", 'Invalid clause(s) in filter string'],
    ['metrics.acc IS NULL', 'IS NULL / IS NOT NULL is only supported for tags and params, not for'],
    ['attribute.status IS NOT NULL', 'IS NULL / IS NOT NULL is only supported for tags and params, not for'],
  ])('%j is refused with %j', (text, expected) => {
    expect(messageOf(() => parseFilter(text, runsGrammar))).toContain(expected)
  })

  it('has its own words in each search', () => {
    expect(read("name ILIKE 'a%' AND tag.k IS NULL", experimentsGrammar)).toBe(
      'and(attribute name ILIKE "a%"; tag k IS NULL null)',
    )
    expect(read("name = 'a' AND tags.`k l` = 'v'", registeredModelsGrammar)).toBe(
      'and(attribute name = "a"; tag k l = "v")',
    )
    expect(read("version_number > 1 AND run_id IN ('r') AND source_path LIKE 's3:%'", modelVersionsGrammar)).toBe(
      'and(attribute version_number > 1; attribute run_id IN ["r"]; attribute source_path LIKE "s3:%")',
    )
    expect(read("creation_time > 1 AND metrics.a < 2 AND params.p IN ('x')", loggedModelsGrammar)).toBe(
      'and(attribute creation_timestamp > 1; metric a < 2; param p IN ["x"])',
    )
    expect(messageOf(() => parseFilter('metrics.a > 1', experimentsGrammar))).toContain("Invalid entity type 'metrics'")
    expect(messageOf(() => parseFilter("experiment_id = '1'", experimentsGrammar))).toContain('Invalid attribute key')
    expect(messageOf(() => parseFilter('timestamp > 1', registeredModelsGrammar))).toContain('Invalid attribute key')
  })

  it('names no more than a hundred characters of what it refuses', () => {
    expect(messageOf(() => parseFilter(`${'x'.repeat(5000)} = 1`, runsGrammar)).length).toBeLessThan(300)
  })
})

function t(operator: string, value: number): string {
  return `attribute start_time ${operator} ${value}`
}

describe('a hostile filter', () => {
  const clauses = (count: number): string => Array.from({ length: count }, () => 'created = 1').join(' AND ')
  it.each([
    ['parentheses beyond all bounds', '('.repeat(100_000), 'longer than 65536 bytes'],
    ['parentheses', '('.repeat(60_000), 'nests deeper than 50 levels'],
    ['negations', 'NOT '.repeat(16_000), 'nests deeper than 50 levels'],
    ['single quotes', "'".repeat(65_535), 'Invalid clause(s)'],
    ['back-ticks', '`'.repeat(65_535), 'Invalid clause(s)'],
    ['double quotes', '"'.repeat(65_536), 'Invalid attribute key'],
    ['dots', `a${'.'.repeat(65_000)}`, 'Invalid entity type'],
    ['operators', `metrics.a ${'<'.repeat(65_000)} 1`, 'Invalid comparator'],
    ['digits', `metrics.a = ${'9'.repeat(65_000)}`, 'Expected numeric value type'],
    ['characters of more bytes', `tags.a = '${'€'.repeat(30_000)}'`, 'longer than 65536 bytes'],
    ['clauses', clauses(201), 'more than 200 clauses'],
    ['values', `metrics.a IN (${'1,'.repeat(10_001)})`, 'more than 10000 values'],
    ['wildcards', `tags.a LIKE '${'%a'.repeat(51)}'`, "more than 50 '%'"],
    ['a long pattern', `tags.a ILIKE '${'a'.repeat(5001)}'`, 'longer than 5000 characters'],
  ])('of %s is refused at once', (_, text, expected) => {
    const started = performance.now()
    expect(messageOf(() => parseFilter(text, runsGrammar))).toContain(expected)
    // Twenty times what a busy machine takes; what isn't linear takes seconds.
    expect(performance.now() - started).toBeLessThan(400)
  })

  it('may come up to the bounds', () => {
    expect(parseFilter(clauses(200), runsGrammar)).toMatchObject({ kind: 'and' })
    expect(parseFilter(`${'('.repeat(50)}created = 1${')'.repeat(50)}`, runsGrammar)).toMatchObject({ kind: 'compare' })
    expect(parseFilter(`tags.a LIKE '${'%a'.repeat(50)}'`, runsGrammar)).toMatchObject({ operator: 'LIKE' })
  })
})
