import type { Bench } from './bench.ts'
import { busyShare } from './machine.ts'
import { partResult, saveResults } from './results.ts'
import type { PartResult } from './results.ts'
import type { Scenario } from './scenario.ts'
import type { Targets } from './summary.ts'
import { figureTable, misses } from './summary.ts'

/** Above this the figures are those of a shared machine. */
const busyShareMax = 0.1

export interface Suite {
  readonly name: string
  readonly doc: string
  readonly scenarios: readonly Scenario[]
  readonly targets: Targets
}

/** A bench that runs scenarios one after another and keeps their figures. */
export const suite = ({ name, doc, scenarios, targets }: Suite): Bench => ({
  name,
  doc,
  parts: scenarios,
  async run({ parts, json, quick, check }) {
    const chosen = scenarios.filter((scenario) => parts.length === 0 || parts.includes(scenario.name))
    const command = `npm run bench -- ${[name, ...parts].join(' ')}`
    const order = scenarios.map((scenario) => scenario.name)
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
      if (!json) console.log(`\n${figureTable(figures, targets)}\n`)
      // Saved after each, so that a scenario that breaks later doesn't cost those before. A quick run proves no speed.
      if (!quick) await saveResults({ bench: name, order, targets }, measured)
    }
    if (json) console.log(JSON.stringify(measured, undefined, 2))
    const missed = misses(
      Object.values(measured).flatMap(({ figures }) => figures),
      targets,
    )
    for (const { id, value, unit } of missed) console.error(`missed its target: ${id} is ${value.toFixed(3)} ${unit}`)
    return check && missed.length > 0 ? 1 : 0
  },
})
