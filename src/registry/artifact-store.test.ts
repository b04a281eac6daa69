import { describe, expect, it } from 'vitest'
import { openTestRegistry } from '../testing/open-test-registry.ts'

describe('the artifact store', () => {
  it('reads a small file whole, and refuses one above the bound', async () => {
    await using test = await openTestRegistry()
    await test.upload('0/models/m/MLmodel', 'flavors: {}')
    const read = await test.registry.artifacts.read('0/models/m/MLmodel', 100)
    expect(new TextDecoder().decode(read)).toBe('flavors: {}')
    await expect(test.registry.artifacts.read('0/models/m/MLmodel', 5)).rejects.toMatchObject({
      code: 'payload_too_large',
    })
    expect(await test.registry.artifacts.read('0/models/m/other', 5)).toBeUndefined()
  })
})
