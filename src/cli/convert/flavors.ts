import { extname } from 'node:path'

/** Libraries whose models can be converted. */
export const flavors = ['sklearn', 'xgboost', 'lightgbm', 'catboost', 'pytorch', 'tensorflow'] as const

export type Flavor = (typeof flavors)[number]

/** What a converter needs beside the model's own library. The versions are those that work with each other. */
const converters: Readonly<Record<Flavor, readonly string[]>> = {
  sklearn: ['skl2onnx>=1.18', 'pandas'],
  xgboost: ['onnxmltools>=1.13', 'skl2onnx>=1.18', 'scikit-learn', 'pandas'],
  lightgbm: ['onnxmltools>=1.13', 'skl2onnx>=1.18', 'scikit-learn', 'pandas'],
  catboost: ['pandas'],
  pytorch: ['onnxscript', 'pandas'],
  tensorflow: ['tf2onnx>=1.16', 'pandas'],
}

/** The library itself, for files that come without requirements. */
const libraries: Readonly<Record<Flavor, readonly string[]>> = {
  sklearn: ['scikit-learn'],
  xgboost: ['xgboost', 'scikit-learn'],
  lightgbm: ['lightgbm', 'scikit-learn'],
  catboost: ['catboost'],
  pytorch: ['torch'],
  tensorflow: ['tensorflow-cpu'],
}

/** Lines of requirements of an environment that converts models of a flavor. `own` are those of the model. */
export const converterRequirements = (flavor: Flavor, own: readonly string[] | undefined): readonly string[] => {
  // Why: MLflow's own loaders aren't used, and its packages are most of what a model's requirements install.
  const kept = own?.filter((line) => !/^mlflow\b/i.test(line)) ?? libraries[flavor]
  const boosters = /^(xgboost|lightgbm)\b/im.test(kept.join('\n')) ? ['onnxmltools>=1.13'] : []
  return [...new Set([...kept, ...converters[flavor], ...boosters, 'onnx', 'onnxruntime'])]
}

const byExtension: Readonly<Record<string, Flavor>> = {
  '.joblib': 'sklearn',
  '.pkl': 'sklearn',
  '.pickle': 'sklearn',
  '.skops': 'sklearn',
  '.json': 'xgboost',
  '.ubj': 'xgboost',
  '.bst': 'xgboost',
  '.xgb': 'xgboost',
  '.txt': 'lightgbm',
  '.cbm': 'catboost',
  '.cb': 'catboost',
  '.pt': 'pytorch',
  '.pth': 'pytorch',
  '.pt2': 'pytorch',
  '.keras': 'tensorflow',
  '.h5': 'tensorflow',
}

/** The flavor that a file's name says. */
export const flavorOfFile = (path: string): Flavor | undefined => byExtension[extname(path).toLowerCase()]

/** Endings of the files that can be converted, for messages. */
export const fileEndings: string = Object.keys(byExtension).join(', ')
