import { describe, expect, it } from 'vitest'
import type { Endpoints } from '../delivery/index.ts'
import { silentLogger, systemRandom } from '../lib/index.ts'
import type { Serving } from '../serving/index.ts'
import { VirtualClock } from '../testing/index.ts'
import { loadConfig } from './config/load-config.ts'
import type { Parts } from './modules.ts'
import { modules } from './modules.ts'

describe('the readiness of the server', () => {
  it.each([
    [true, true, false, true],
    [false, true, false, false],
    [true, false, false, false],
    [true, true, true, false],
  ])(
    'is one for every door: models %s, endpoints %s, stopping %s: %s',
    async (models, endpoints, stopping, expected) => {
      const { config } = loadConfig({ args: [], environment: {}, directory: '/nowhere' })
      const table = modules({
        config,
        clock: new VirtualClock(),
        random: systemRandom,
        logger: silentLogger,
        variables: {},
        draining: () => stopping,
      })
      const parts = { serving: { ready: models } as Serving, endpoints: { ready: endpoints } as Endpoints } as Parts
      parts.ready = (await table.ready.open(parts)).value
      const doors = [await table.scoring.open(parts), await table.openInference.open(parts)]
      expect(doors.map(({ value }) => value.ready())).toEqual([expected, expected])
      for (const door of doors) await door.stop?.()
    },
  )
})
