import { describe, expect, it } from 'vitest'
import type { ModuleTable } from './module-runner.ts'
import { runModules } from './module-runner.ts'

interface Parts {
  store: string
  models: string
  door: string
  unused: string
}

const table = (happened: string[], failing?: keyof Parts): ModuleTable<Parts> => {
  const row = (
    name: keyof Parts,
    needs: readonly (keyof Parts)[],
    facesUsers = false,
  ): ModuleTable<Parts>[keyof Parts] => ({
    needs,
    open(parts) {
      if (name === failing) throw new Error(`${name} is broken`)
      happened.push(`open ${name} with ${needs.map((need) => parts[need]).join()}`)
      return {
        value: `the ${name}`,
        ...(facesUsers ? { drain: () => Promise.resolve(void happened.push(`drain ${name}`)) } : {}),
        stop: () => Promise.resolve(void happened.push(`stop ${name}`)),
      }
    },
  })
  return {
    door: row('door', ['models', 'store'], true),
    store: row('store', []),
    models: row('models', ['store']),
    unused: row('unused', []),
  }
}

describe('modules', () => {
  it('open after what they need and stop in reverse, those that face users drained first', async () => {
    const happened: string[] = []
    const running = await runModules(table(happened), ['door'])
    expect(running.parts.door).toBe('the door')
    await running.stop()
    expect(happened).toEqual([
      'open store with ',
      'open models with the store',
      'open door with the models,the store',
      'drain door',
      'stop door',
      'stop models',
      'stop store',
    ])
  })

  it('stop again when one of them fails to open', async () => {
    const happened: string[] = []
    await expect(runModules(table(happened, 'door'), ['door'])).rejects.toThrow('door is broken')
    expect(happened.slice(-2)).toEqual(['stop models', 'stop store'])
  })

  it('that need each other are a mistake', async () => {
    const circle: ModuleTable<{ a: string; b: string }> = {
      a: { needs: ['b'], open: () => ({ value: 'a' }) },
      b: { needs: ['a'], open: () => ({ value: 'b' }) },
    }
    await expect(runModules(circle, ['a'])).rejects.toThrow('a → b → a')
  })
})
