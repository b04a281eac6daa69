import type { Bench } from './bench.ts'
import { busyShare } from './machine.ts'
import { partResult, saveResults } from './results.ts'
import type { PartResult } from './results.ts'
import { servingScenarios } from './serving/index.ts'
import { servingTargets } from './serving/targets.ts'
import { figureTable, misses } from './summary.ts'

/** Above this the figures are those of a shared machine. */
const busyShareMax = 0.1

const order = servingScenarios.map(({ name }) => name)

/** The model server: speed beside MLServer, and what holds under load. */
export const serving: Bench = {
  name: 'serving',
  doc: 'the model server beside MLServer 1.7, and under reloads, overload, swaps and restarts',
  parts: servingScenarios,
  async run({ parts, json, quick, check }) {
    const chosen = servingScenarios.filter(({ name }) => parts.length === 0 || parts.includes(name))
    const command = `npm run bench -- ${['serving', ...parts].join(' ')}`
    const measured: Record<string, PartResult> = {}
    for (const scenario of chosen) {
      console.error(`${scenario.name}: ${scenario.doc}`)
      const busy = await busyShare()
      if (busy > busyShareMax) {
        console.error(
          `  warning: something else uses ${Math.round(busy * 100)} % of the cores; the figures will suffer`,
        )
      }
      const figures = await scenario.run({ quick, log: (text) => console.error(`  ${text}`) })
      measured[scenario.name] = partResult(command, busy, figures)
      if (!json) console.log(`\n${figureTable(figures, servingTargets)}\n`)
      // Saved after each, so that a scenario that breaks later doesn't cost those before. A quick run proves no speed.
      if (!quick) await saveResults({ bench: 'serving', order, targets: servingTargets }, measured)
    }
    if (json) console.log(JSON.stringify(measured, undefined, 2))
    const missed = misses(
      Object.values(measured).flatMap(({ figures }) => figures),
      servingTargets,
    )
    for (const { id, value, unit } of missed) console.error(`missed its target: ${id} is ${value.toFixed(3)} ${unit}`)
    return check && missed.length > 0 ? 1 : 0
  },
}
