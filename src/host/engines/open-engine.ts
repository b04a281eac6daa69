import { unreachable } from '../../lib/index.ts'
import type { Engine, EngineName } from '../engine.ts'
import { EngineError } from '../engine.ts'

/** Engines are imported when first asked for: a host holds the one it runs and nothing else. */
export const openEngine = async (name: EngineName): Promise<Engine> => {
  switch (name) {
    case 'onnx':
      return (await import('./onnx/onnx-engine.ts')).onnxEngine
    case 'js':
      return (await import('./js/js-engine.ts')).jsEngine
    case 'echo':
      return (await import('./echo/echo-engine.ts')).echoEngine
    case 'python':
      throw new EngineError('model', 'a Python model runs in a host of its own kind')
    default:
      return unreachable(name)
  }
}
