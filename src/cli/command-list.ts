import type { Command } from './command.ts'

export interface ListedCommand {
  readonly name: string
  readonly summary: string
  readonly group: 'Server' | 'Models' | 'Registry' | 'Tools'
  /** Commands are loaded when used, so that starting a server doesn't wait for the others. */
  load(): Promise<Command>
}

/** Every command, in the order of the help. */
export const commandList: readonly ListedCommand[] = [
  {
    name: 'up',
    summary: 'start the server',
    group: 'Server',
    load: async () => (await import('./commands/up.ts')).up,
  },
  {
    name: 'deploy',
    summary: 'serve a model file as the next version of a model, or a registered model',
    group: 'Models',
    load: async () => (await import('./commands/deploy.ts')).deploy,
  },
  {
    name: 'convert',
    summary: 'turn a trained Python model into ONNX, proved equal',
    group: 'Models',
    load: async () => (await import('./commands/convert.ts')).convert,
  },
  {
    name: 'package',
    summary: 'make a self-contained package or image of a model',
    group: 'Models',
    load: async () => (await import('./commands/package.ts')).packageModel,
  },
  {
    name: 'models',
    summary: 'served models and registered ones: list, load, register, alias',
    group: 'Models',
    load: async () => (await import('./commands/models.ts')).models,
  },
  {
    name: 'promote',
    summary: 'move an alias to a version, and with it the endpoints that follow it',
    group: 'Models',
    load: async () => (await import('./commands/promote.ts')).promote,
  },
  {
    name: 'rollback',
    summary: 'take the newest move of an endpoint back',
    group: 'Models',
    load: async () => (await import('./commands/rollback.ts')).rollback,
  },
  {
    name: 'history',
    summary: 'what an endpoint served when, who changed it and why',
    group: 'Models',
    load: async () => (await import('./commands/history.ts')).history,
  },
  {
    name: 'endpoints',
    summary: 'list and remove the endpoints of registered models',
    group: 'Models',
    load: async () => (await import('./commands/endpoints.ts')).endpoints,
  },
  {
    name: 'predict',
    summary: 'score the rows of a JSON, CSV or Parquet file',
    group: 'Models',
    load: async () => (await import('./commands/predict.ts')).predict,
  },
  {
    name: 'experiments',
    summary: 'list, show, create, rename, delete and restore experiments',
    group: 'Registry',
    load: async () => (await import('./commands/experiments.ts')).experiments,
  },
  {
    name: 'runs',
    summary: "list runs, show one, its metrics' history and its artifacts",
    group: 'Registry',
    load: async () => (await import('./commands/runs.ts')).runs,
  },
  {
    name: 'gc',
    summary: 'remove for good what was deleted long ago, and files that nothing names',
    group: 'Registry',
    load: async () => (await import('./commands/gc.ts')).gc,
  },
  {
    name: 'import',
    summary: "bring MLflow's mlruns folder or SQLite database here",
    group: 'Registry',
    load: async () => (await import('./commands/import.ts')).importCommand,
  },
  {
    name: 'webhooks',
    summary: 'who is told of changes to models: list, create, test; deliveries and their replay',
    group: 'Registry',
    load: async () => (await import('./commands/webhooks.ts')).webhooks,
  },
  {
    name: 'bench',
    summary: 'put load on a model and show how it answers',
    group: 'Tools',
    load: async () => (await import('./commands/bench.ts')).bench,
  },
  {
    name: 'doctor',
    summary: 'look for what could keep a server from working here',
    group: 'Tools',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'config',
    summary: 'print, check or document the configuration',
    group: 'Tools',
    load: async () => (await import('./commands/config.ts')).config,
  },
]
