import { describe, expect, it } from 'vitest'
import type { ScatteredTensor } from '../host/index.ts'
import { seededRandom } from '../testing/index.ts'
import type { ModelInstance } from './model-instance.ts'
import { parseModelConfigJson } from './model-config/parse-model-config.ts'
import { warmUp } from './warm-up.ts'

/** What a host is given of one sample. */
const sampled = async (inputs: Readonly<Record<string, object>>): Promise<readonly ScatteredTensor[]> => {
  const { config } = parseModelConfigJson(JSON.stringify({ model_warmup: [{ name: 'large', inputs }] }))
  const given: ScatteredTensor[] = []
  const run = (tensors: readonly ScatteredTensor[]): Promise<void> => Promise.resolve(void given.push(...tensors))
  const instances = [{ run } as unknown as ModelInstance]
  const signature = { inputs: [], outputs: [] }
  await warmUp({ config, signature, reshaping: undefined, directory: '', instances, random: seededRandom(1) })
  return given
}

describe('a sample of a warm-up', () => {
  it('of sixty million texts or random numbers is made at once', async () => {
    const startedMs = performance.now()
    const dims = [7500, 8000]
    const [texts, numbers] = [
      await sampled({ x: { data_type: 'TYPE_STRING', dims, zero_data: true } }),
      await sampled({ x: { data_type: 'TYPE_INT8', dims, random_data: true } }),
    ]
    expect(texts[0]?.pieces[0]?.length).toBe(4 * 60_000_000)
    const bytes = numbers[0]?.pieces[0] ?? new Uint8Array()
    expect([bytes.length, Math.max(...bytes.subarray(-1000)) < 0x3f]).toEqual([60_000_000, true])
    expect(new Set(bytes.subarray(-1000)).size).toBeGreaterThan(30)
    expect(performance.now() - startedMs).toBeLessThan(3000)
  })

  it('is refused for what its inputs have together', async () => {
    const input = { data_type: 'TYPE_FP64', dims: [5000, 8000], random_data: true }
    await expect(sampled({ a: input, b: input })).rejects.toThrow(
      "warm-up sample 'large' is too large: it has more than 67108864 elements",
    )
  })
})
