import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluatePolicy } from './evaluate-policy.ts'
import { parsePolicy } from './parse-policy.ts'
import type { MoveTarget, PromotionPolicy } from './policy.ts'
import { fitsPattern } from './policy.ts'
import type { ComparedFacts, Decision, Measurement, PromotionFacts } from './promotion-facts.ts'

const toChampion: MoveTarget = { kind: 'alias', alias: 'champion' }

const facts = (given: Partial<PromotionFacts> = {}): PromotionFacts => ({
  version: 2,
  target: toChampion,
  measurements: [],
  signature: { kind: 'none' },
  tags: new Map(),
  hasDriftBaseline: false,
  authors: ['ada'],
  decisions: [],
  unsignedBecause: 'no signature',
  aliased: new Map(),
  ...given,
})

const on = (condition: object): PromotionPolicy => parsePolicy({ aliases: { champion: [condition] } }).policy
const reasons = (condition: object, given: Partial<PromotionFacts>): readonly (readonly [boolean, string])[] =>
  evaluatePolicy(on(condition), facts(given)).results.map(({ passed, reason }) => [passed, reason])
const auc = (value: number, dataset?: Measurement['dataset']): Measurement => ({ key: 'auc', value, dataset })
const incumbent = (...measurements: Measurement[]): ReadonlyMap<string, ComparedFacts> =>
  new Map([['champion', { version: 1, measurements, signature: { kind: 'none' } }]])

const numbers = fc.double({ noDefaultInfinity: false })
const people = fc.constantFrom('ada', 'bob', 'eve', 'mallory')
const decisions: fc.Arbitrary<Decision[]> = fc.uniqueArray(
  fc.record({ person: people, decision: fc.constantFrom('approved' as const, 'rejected' as const) }),
  { selector: ({ person }) => person },
)

describe('a promotion policy', () => {
  it('allows a move exactly when all conditions about it hold', () => {
    const conditions = [
      { tag: { key: 'a' } },
      { driftBaseline: true },
      { signed: true },
      { metric: { key: 'auc', min: 0.5 } },
      { approval: { count: 1 } },
    ]
    fc.assert(
      fc.property(
        fc.subarray(conditions, { minLength: 1 }),
        fc.subarray(conditions, { minLength: 1 }),
        fc.record({
          hasDriftBaseline: fc.boolean(),
          unsignedBecause: fc.constantFrom(undefined, 'none'),
          tags: fc.constantFrom(new Map<string, string>(), new Map([['a', '1']])),
          measurements: numbers.map((value) => [auc(value)]),
          decisions,
        }),
        (first, second, given) => {
          const { policy } = parsePolicy({
            aliases: { champion: first, 'ch*': second, other: [{ tag: { key: 'never' } }] },
          })
          const { allowed, results } = evaluatePolicy(policy, facts(given))
          expect(results).toHaveLength(first.length + second.length)
          expect(allowed).toBe(results.every(({ passed }) => passed))
          for (const [index, condition] of [...first, ...second].entries())
            expect(results[index]?.passed).toBe(reasons(condition, given)[0]?.[0])
          expect(evaluatePolicy(policy, facts({ ...given, target: { kind: 'stage', stage: 'Staging' } })).allowed).toBe(
            true,
          )
        },
      ),
    )
  })

  it('counts one decision a person, not the author, and no approval against a rejection', () => {
    fc.assert(
      fc.property(decisions, fc.integer({ min: 1, max: 4 }), fc.boolean(), (given, count, notAuthor) => {
        const may = given.filter(({ person }) => !(notAuthor && person === 'ada'))
        const isAllowed = may.every(({ decision }) => decision === 'approved') && may.length >= count
        expect(reasons({ approval: { count, notAuthor } }, { decisions: given })[0]?.[0]).toBe(isAllowed)
      }),
    )
    const mallory: Decision[] = [
      { person: 'mallory', decision: 'rejected' },
      { person: 'eve', decision: 'approved' },
    ]
    expect(reasons({ approval: { from: ['eve', 'bob'] } }, { decisions: mallory })).toEqual([[true, 'eve approved it']])
    expect(reasons({ approval: { count: 2, from: ['eve', 'bob'] } }, { decisions: mallory })).toEqual([
      [false, 'it has 1 of 2 approvals of eve, bob, its author not counted'],
    ])
  })

  it('bounds metrics from both sides, and takes NaN for nothing', () => {
    fc.assert(
      fc.property(numbers, numbers, numbers, (value, a, b) => {
        fc.pre(!Number.isNaN(a) && !Number.isNaN(b) && Number.isFinite(a) && Number.isFinite(b))
        const [min, max] = a < b ? [a, b] : [b, a]
        const [result] = reasons({ metric: { key: 'auc', min, max } }, { measurements: [auc(value)] })
        expect(result?.[0]).toBe(value >= min && value <= max)
      }),
    )
    for (const [op, holds] of [
      ['>', false],
      ['>=', true],
      ['<', false],
      ['<=', true],
      ['==', true],
      ['!=', false],
    ] as const)
      expect(reasons({ metric: { key: 'auc', op, value: 1 } }, { measurements: [auc(1)] })[0]?.[0]).toBe(holds)
    expect(reasons({ metric: { key: 'auc', op: '!=', value: 1 } }, { measurements: [auc(NaN)] })).toEqual([
      [false, 'auc is NaN'],
    ])
    expect(reasons({ metric: { key: 'auc', min: 0 } }, {})).toEqual([[false, 'auc is not measured']])
  })

  it('compares with the champion within the tolerance, in the direction that is better', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: 0, max: 10, noNaN: true }),
        (mine, theirs, tolerance) => {
          const judged = (direction: string): boolean =>
            reasons(
              { metric: { key: 'auc', notWorseThan: '@champion', direction, tolerance } },
              { measurements: [auc(mine)], aliased: incumbent(auc(theirs)) },
            )[0]?.[0] ?? false
          expect(judged('higher')).toBe(mine >= theirs - tolerance)
          expect(judged('lower')).toBe(mine <= theirs + tolerance)
        },
      ),
    )
    const relative = { metric: { key: 'auc', notWorseThan: '@champion', direction: 'higher', tolerance: '10%' } }
    expect(reasons(relative, { measurements: [auc(0.91)], aliased: incumbent(auc(1)) })[0]?.[0]).toBe(true)
    expect(reasons(relative, { measurements: [auc(0.89)], aliased: incumbent(auc(1)) })[0]?.[0]).toBe(false)
    expect(reasons(relative, { measurements: [auc(1)], aliased: incumbent(auc(NaN)) })[0]?.[0]).toBe(false)
  })

  it('compares on the same data only', () => {
    const condition = { metric: { key: 'auc', notWorseThan: '@champion', direction: 'higher', dataset: 'holdout' } }
    const may = { name: 'holdout', digest: 'may' }
    const june = { name: 'holdout', digest: 'june' }
    const judged = (mine: Measurement[], theirs: Measurement[]) =>
      reasons(condition, { measurements: mine, aliased: incumbent(...theirs) })[0]
    expect(judged([auc(0.9, june), auc(0.8, may)], [auc(0.85, may)])?.[0]).toBe(false)
    expect(judged([auc(0.9, june), auc(0.86, may)], [auc(0.85, may)])?.[0]).toBe(true)
    expect(judged([auc(0.9, june)], [auc(0.85, may)])).toEqual([
      false,
      'auc of @champion (version 1) is not measured on the same data',
    ])
    expect(judged([auc(0.9)], [auc(0.85, may)])).toEqual([false, 'auc is not measured on holdout'])
  })

  it('lets the first champion pass, and nothing that refers to another alias that is gone', () => {
    const champion = { signature: { compatibleWith: '@champion' } }
    const baseline = { metric: { key: 'auc', notWorseThan: '@baseline', direction: 'lower' } }
    expect(reasons(champion, {})).toEqual([[true, 'there is no @champion yet']])
    expect(reasons(baseline, { measurements: [auc(1)] })).toEqual([[false, 'there is no @baseline to compare with']])
    const self = new Map([['champion', { version: 2, measurements: [], signature: { kind: 'none' } as const }]])
    expect(reasons(champion, { aliased: self })).toEqual([[true, 'it is @champion itself']])
  })

  it('fits patterns as a regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 12 })
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 })
    fc.assert(
      fc.property(text, pattern, (of, by) => {
        expect(fitsPattern(of, by)).toBe(new RegExp(`^${by.replaceAll('*', '.*')}$`).test(of))
      }),
      { numRuns: 1000 },
    )
    expect(fitsPattern('a'.repeat(255), `${'a*'.repeat(127)}b`)).toBe(false)
  })
})

describe('a policy document', () => {
  it('is YAML as well as JSON, and is kept as it was written', () => {
    const text = 'aliases:\n  champion:\n    - metric: {key: auc, min: 0.9, dataset: holdout}\n    - signed: true\n'
    const { document, policy } = parsePolicy(text)
    expect(document).toEqual({
      aliases: { champion: [{ metric: { key: 'auc', min: 0.9, dataset: 'holdout' } }, { signed: true }] },
    })
    expect(parsePolicy(document).policy).toEqual(policy)
    expect(parsePolicy(JSON.stringify(document)).policy).toEqual(policy)
  })

  it('is refused with everything that is wrong with it', () => {
    const problem = (policy: unknown): string => {
      try {
        parsePolicy(policy)
      } catch (error) {
        return (error as Error).message
      }
      return 'accepted'
    }
    const at = (condition: unknown): string => problem({ aliases: { champion: [condition] } })
    expect(problem({})).toContain('guards nothing')
    expect(problem('aliases: [')).toContain('not YAML or JSON')
    expect(problem(null)).toContain('must be an object')
    expect(problem({ alias: {} })).toContain("did you mean 'aliases'")
    expect(problem({ aliases: { champion: {} } })).toContain('must be a list of conditions')
    expect(at({ metrics: {} })).toContain('must be one of metric')
    expect(at({ signed: true, driftBaseline: true })).toContain('must have one key')
    expect(at({ signed: false })).toContain('must be true')
    expect(at({ metric: { key: 'a' } })).toContain('asks for nothing')
    expect(at({ metric: { key: 'a', min: 2, max: 1 } })).toContain('nothing is from 2 to 1')
    expect(at({ metric: { key: 'a', op: '>' } })).toContain('op and value go together')
    expect(at({ metric: { key: 'a', min: 1, direction: 'higher' } })).toContain('goes with notWorseThan only')
    expect(at({ metric: { key: 'a', notWorseThan: 'champion' } })).toMatch(
      /with its @.*direction: must be one of higher, lower/,
    )
    expect(at({ metric: { key: 'a', notWorseThan: '@x', direction: 'lower', tolerance: -1 } })).toContain('at least 0')
    expect(at({ approval: { count: 2, from: ['a', 'a'] } })).toContain("2 approvals can't come from 1 people")
    expect(at({ tag: { key: 'a', value: true } })).toContain('must be a text')
    expect(at({ signature: { compatibleWith: 'x' } })).toContain('must name an alias')
    expect(problem(`{"aliases": {"__proto__": [{"signed": true}]}}`)).toBe('accepted')
    expect(problem({ aliases: { 'a.b': [{ signed: true }] }, stages: { production: [{ signed: 1 }] } })).toMatch(
      /has 2 problems: aliases\.a\.b.*stages\.production\[0\]\.signed/,
    )
  })
})
