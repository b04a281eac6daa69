import { addVersion } from '../model-folder.ts'
import type { Load, Speed } from '../load/speed.ts'
import { mlserverSetups, mlserverVersions, startMlserver } from '../peers/mlserver.ts'
import type { MlserverSetup } from '../peers/mlserver.ts'
import type { ServedModel } from '../served-model.ts'
import { startSlipway } from '../start-slipway.ts'
import { median, numberText, ratio, roundsText } from '../summary.ts'
import type { Figure } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { mlpModel } from '../../src/testing/index.ts'
import type { ScenarioContext } from '../scenario.ts'

/** One protocol's measurement: puts a load on model `mlp` of a server. */
export type Measure = (server: ServedModel, load: Load) => Promise<Speed>

export const comparedModel = 'mlp'

interface Rounds {
  readonly many: Speed[]
  readonly one: Speed[]
}

const clientsMany = 32

/**
 * The same ONNX file on Slipway and on MLServer, in rounds that alternate, so that a slow minute of the machine hits
 * both. Both run all the time; the one that isn't measured has nothing to do.
 */
export const besideMlserver = async (id: string, measure: Measure, context: ScenarioContext): Promise<Figure[]> => {
  await using folder = await temporaryFolder()
  const file = await addVersion(folder.path, comparedModel, 1, mlpModel())
  const seconds = context.quick ? 1 : 5
  const setup = await fastestSetup(file, measure, context)
  await using slipway = await startSlipway({ repository: folder.path, models: [comparedModel] })
  await using mlserver = await startMlserver(comparedModel, file, setup)
  const ours: Rounds = { many: [], one: [] }
  const theirs: Rounds = { many: [], one: [] }
  for (const server of [slipway, mlserver])
    await measure(server, { clients: clientsMany, seconds: context.quick ? 1 : 3 })
  for (let round = 1; round <= (context.quick ? 1 : 5); round++) {
    for (const [server, rounds] of [
      [slipway, ours],
      [mlserver, theirs],
    ] as const) {
      rounds.many.push(await checked(server, measure, { clients: clientsMany, seconds }))
      rounds.one.push(await checked(server, measure, { clients: 1, seconds: Math.ceil(seconds / 2) }))
      const [many, one] = [rounds.many.at(-1), rounds.one.at(-1)]
      context.log(
        `round ${round} ${server.name}: ${numberText(many?.perSecond ?? 0)}/s, p50 at one client ${numberText(one?.p50Ms ?? 0)} ms`,
      )
    }
  }
  const versions = Object.entries(await mlserverVersions()).map(([name, version]) => `${name} ${version}`)
  return figures(id, { ours, theirs, peer: `MLServer ${setup.name} (${versions.join(', ')})` })
}

/** A round with failures says nothing about speed. */
const checked = async (server: ServedModel, measure: Measure, load: Load): Promise<Speed> => {
  const speed = await measure(server, load)
  if (speed.failed > 0) throw new Error(`${server.name} failed ${speed.failed} of ${speed.count} requests`)
  return speed
}

/**
 * MLServer gets the setup in which it is fastest: the best of several alternating rounds, since a single one on a busy
 * machine picks by chance, and a badly chosen peer would flatter us.
 */
const fastestSetup = async (file: string, measure: Measure, context: ScenarioContext): Promise<MlserverSetup> => {
  await using servers = new AsyncDisposableStack()
  const tried: { readonly setup: MlserverSetup; readonly server: ServedModel; best: number }[] = []
  for (const setup of mlserverSetups) {
    const server = servers.use(await startMlserver(comparedModel, file, setup))
    await measure(server, { clients: clientsMany, seconds: 1 })
    tried.push({ setup, server, best: 0 })
  }
  for (let round = 1; round <= (context.quick ? 2 : 4); round++) {
    for (const one of tried) {
      const { perSecond } = await measure(one.server, { clients: clientsMany, seconds: context.quick ? 1 : 3 })
      one.best = Math.max(one.best, perSecond)
    }
  }
  for (const { setup, best } of tried) context.log(`MLServer ${setup.name}: best round ${numberText(best)}/s`)
  const fastest = tried.toSorted((a, b) => b.best - a.best)[0]
  if (fastest === undefined) throw new Error('MLServer has no setup to run')
  return fastest.setup
}

const figures = (
  id: string,
  found: { readonly ours: Rounds; readonly theirs: Rounds; readonly peer: string },
): Figure[] => {
  const { ours, theirs, peer } = found
  const perSecond = (rounds: Rounds): number[] => rounds.many.map((speed) => speed.perSecond)
  const p50Many = (rounds: Rounds): number[] => rounds.many.map((speed) => speed.p50Ms)
  const p50One = (rounds: Rounds): number[] => rounds.one.map((speed) => speed.p50Ms)
  const figure = (name: string, text: string, unit: string, values: readonly number[]): Figure => ({
    id: `${id}.${name}`,
    text,
    unit,
    value: median(values),
    note: roundsText(values),
  })
  const multiple = ratio(median(perSecond(ours)), median(perSecond(theirs)))
  return [
    figure('perSecond', 'Slipway, 32 clients', 'requests/s', perSecond(ours)),
    figure('mlserverPerSecond', 'MLServer, 32 clients', 'requests/s', perSecond(theirs)),
    { id: `${id}.ratio`, text: 'Slipway : MLServer', unit: 'times', value: multiple, note: peer },
    figure('p50Many', 'Slipway, p50 at 32 clients', 'ms', p50Many(ours)),
    figure('mlserverP50Many', 'MLServer, p50 at 32 clients', 'ms', p50Many(theirs)),
    figure('p50', 'Slipway, p50 at one client', 'ms', p50One(ours)),
    figure('mlserverP50', 'MLServer, p50 at one client', 'ms', p50One(theirs)),
  ]
}
