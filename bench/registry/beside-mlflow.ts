import { startMlflow } from '../peers/mlflow.ts'
import type { RegistryServer } from '../peers/mlflow.ts'
import { processMemory } from '../process-memory.ts'
import type { Scenario } from '../scenario.ts'
import type { Figure } from '../summary.ts'
import { median, numberText, ratio, roundsText } from '../summary.ts'
import { measure } from './clients.ts'
import type { Operation } from './operations.ts'
import { writes } from './operations.ts'
import { createModel, createRun, startRegistry } from './start-registry.ts'

interface Rounds {
  readonly perSecond: number[]
  readonly p50: number[]
  readonly failed: number[]
}

interface Contestant {
  readonly server: RegistryServer
  readonly runId: string
  readonly rounds: ReadonlyMap<string, Rounds>
}

const enter = async (server: RegistryServer): Promise<Contestant> => {
  const runId = await createRun(server.http)
  await createModel(server.http, runId)
  return { server, runId, rounds: new Map(writes.map(({ id }) => [id, { perSecond: [], p50: [], failed: [] }])) }
}

let count = 0

const tolerant = true

const round = async ({ server, runId, rounds }: Contestant, operation: Operation, ms: number): Promise<string> => {
  const next = (): ReturnType<Operation['next']> => operation.next(runId, count++)
  const many = await measure(server.http, { clients: 16, ms, tolerant }, next)
  const one = await measure(server.http, { clients: 1, ms: ms / 2, tolerant }, next)
  rounds.get(operation.id)?.perSecond.push(many.perSecond)
  rounds.get(operation.id)?.p50.push(one.p50)
  rounds.get(operation.id)?.failed.push(many.failed + one.failed)
  return `${server.name}: ${numberText(many.perSecond)}/s with 16 clients, p50 ${numberText(one.p50)} ms with one`
}

const figuresOf = ({ id, text }: Operation, ours: Contestant, theirs: Contestant): Figure[] => {
  const of = (contestant: Contestant): Rounds => contestant.rounds.get(id) ?? { perSecond: [], p50: [], failed: [] }
  const [slipway, mlflow] = [of(ours), of(theirs)]
  return [
    {
      id: `mlflow.${id}.ratio`,
      text: `${text}, requests a second of 16 clients, Slipway : MLflow`,
      unit: 'times',
      value: ratio(median(slipway.perSecond), median(mlflow.perSecond)),
      note: `Slipway ${roundsText(slipway.perSecond)}; MLflow ${roundsText(mlflow.perSecond)}${failuresText(slipway, mlflow)}`,
    },
    {
      id: `mlflow.${id}.p50`,
      text: `${text}, p50 of one client, Slipway : MLflow`,
      unit: 'times',
      value: ratio(median(slipway.p50), median(mlflow.p50)),
      note: `ms: Slipway ${roundsText(slipway.p50)}; MLflow ${roundsText(mlflow.p50)}`,
    },
  ]
}

/** How many requests were refused, where any was. */
const failuresText = (slipway: Rounds, mlflow: Rounds): string => {
  const sum = ({ failed }: Rounds): number => failed.reduce((total, count) => total + count, 0)
  const [ours, theirs] = [sum(slipway), sum(mlflow)]
  return ours + theirs === 0 ? '' : `; refused: Slipway ${ours}, MLflow ${theirs}`
}

export const besideMlflow: Scenario = {
  name: 'mlflow',
  doc: 'Writes and a read beside `mlflow server` on SQLite, in alternating rounds; every acknowledged write is synced',
  async run({ quick, log }) {
    await using slipway = await startRegistry()
    await using mlflow = await startMlflow()
    const [ours, theirs] = [await enter(slipway), await enter(mlflow)]
    const ms = quick ? 500 : 4000
    for (let number = 1; number <= (quick ? 1 : 3); number++) {
      for (const operation of writes) {
        log(`round ${number}, ${operation.text}`)
        for (const contestant of [ours, theirs]) log(`  ${await round(contestant, operation, ms)}`)
      }
    }
    const memory = await processMemory(slipway.pid)
    const peer = await processMemory(mlflow.pid)
    return [
      ...writes.flatMap((operation) => figuresOf(operation, ours, theirs)),
      {
        id: 'mlflow.memory',
        text: 'memory of all processes afterwards, PSS',
        unit: 'MB',
        value: memory.pssMb,
        note: `MLflow ${numberText(peer.pssMb)} MB in ${peer.processes} processes`,
      },
    ]
  },
}
