import { describe, expect, it } from 'vitest'
import { seededRandom } from '../testing/seeded-random.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { ConfiguredEndpoints } from './configured-endpoints.ts'

const open = (wanted: readonly string[], failures: number) => {
  const clock = new VirtualClock()
  const made: string[] = []
  const log: string[] = []
  let left = failures
  const logger = { debug: () => {}, info: () => {}, error: () => {}, warn: (event: string) => void log.push(event) }
  const make = async (name: string, reference: string): Promise<void> => {
    if (left-- > 0) throw new Error('the alias is not set')
    made.push(`${name} follows ${reference}`)
  }
  return {
    configured: new ConfiguredEndpoints({ wanted, make, clock, random: seededRandom(1), logger }),
    clock,
    made,
    log,
  }
}

describe('endpoints that the configuration names', () => {
  it('are made at start, references with an equals sign too', async () => {
    const { configured, made } = open(['a=models:/m@x', 'b=models:/n=2/1', 'c=runs:/0af/model'], 0)
    await configured.start()
    expect(made).toEqual(['a follows models:/m@x', 'b follows models:/n=2/1', 'c follows runs:/0af/model'])
  })

  it('are tried until they can be made, and the reason is told once', async () => {
    const { configured, clock, made, log } = open(['a=models:/m@x'], 5)
    await configured.start()
    expect(made).toEqual([])
    await clock.advance(120_000)
    expect(made).toEqual(['a follows models:/m@x'])
    expect(log).toEqual(['endpoint.not_made'])
  })

  it('have the form of a name and a reference', () => {
    for (const wrong of ['churn', '=models:/m/1', 'a='])
      expect(() => open([wrong], 0)).toThrow(`--endpoint '${wrong}' is not NAME=REFERENCE`)
  })

  it('are refused at once when no try could make them', () => {
    for (const [wrong, reason] of [
      ['a=model:/m@x', "'model:/m@x' doesn't refer to a model; the forms are"],
      ['a=models:/m', "'models:/m' doesn't refer to a model"],
      ['a=models:/m/Prod', 'Invalid Model Version stage: Prod'],
      ['.a=models:/m/1', "'.a' can't name an endpoint"],
    ] as const)
      expect(() => open([wrong], 0)).toThrow(`--endpoint '${wrong}': ${reason}`)
    expect(() => open(['a=models:/m/1', 'b=models:/m/1', 'a=models:/m/2'], 0)).toThrow("--endpoint names 'a' twice")
  })

  it('are not tried any more once the server stops', async () => {
    const { configured, clock, made } = open(['a=models:/m@x'], 1)
    await configured.start()
    configured.stop()
    await clock.advance(120_000)
    expect(made).toEqual([])
  })
})
