import type { Bench } from './bench.ts'
import { besideMlserverMlflow } from './python/beside-mlserver.ts'
import { convertedOnnx } from './python/converted.ts'
import { aliasMove } from './python/move.ts'
import { suite } from './suite.ts'

/** Python models: what the server adds to the model's own time. */
export const python: Bench = suite({
  name: 'python',
  doc: "Python models beside MLServer 1.7's runtime for MLflow, converted to ONNX, and moved by their alias",
  scenarios: [besideMlserverMlflow, convertedOnnx, aliasMove],
  targets: {
    'mlflow.ratio': { is: '>=', bound: 3 },
    'mlflow.above': { is: '<=', bound: 1 },
    'mlflow.table.binary': { is: '<=', bound: 2 },
    'mlflow.table.json': { is: '<=', bound: 2 },
    'mlflow.table.split': { is: '<=', bound: 2 },
    'mlflow.table.csv': { is: '<=', bound: 2 },
    'converted.ratio.1': { is: '>=', bound: 5 },
    'converted.ratio.64': { is: '>=', bound: 5 },
    'converted.engine.ratio.1': { is: '>=', bound: 5 },
    'converted.engine.ratio.64': { is: '>=', bound: 5 },
    'move.warm': { is: '<=', bound: 1000 },
  },
})
