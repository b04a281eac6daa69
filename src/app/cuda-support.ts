import { cudaSupport } from '../host/index.ts'

/** Whether this machine's models can be run on CUDA: a problem only where somebody has begun to install it. */
export const cudaFinding = (): { readonly ok: boolean; readonly says: string } => {
  const { kind, says } = cudaSupport()
  return { ok: kind !== 'broken', says }
}
