import { batching } from './batching.ts'
import { grpc } from './grpc.ts'
import { health } from './health.ts'
import { image } from './image.ts'
import { overload } from './overload.ts'
import { reload } from './reload.ts'
import { rest } from './rest.ts'
import { restart } from './restart.ts'
import type { Scenario } from '../scenario.ts'
import { start } from './start.ts'
import { swap } from './swap.ts'

/** In the order in which they run. */
export const servingScenarios: readonly Scenario[] = [
  rest,
  grpc,
  batching,
  image,
  start,
  reload,
  health,
  overload,
  swap,
  restart,
]
