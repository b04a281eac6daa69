import type { ServedModel } from './served-model.ts'

const order = async (server: ServedModel, model: string, verb: 'load' | 'unload'): Promise<void> => {
  const reply = await fetch(`${server.http}/v2/repository/models/${model}/${verb}`, { method: 'POST' })
  const text = await reply.text()
  if (!reply.ok) throw new Error(`${verb} of ${model}: ${reply.status} ${text.slice(0, 500)}`)
}

/** Loads a model, or its newest version, and returns when it is ready. */
export const loadModel = (server: ServedModel, model: string): Promise<void> => order(server, model, 'load')

export const unloadModel = (server: ServedModel, model: string): Promise<void> => order(server, model, 'unload')
