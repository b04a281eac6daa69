import { readYaml, YamlError } from '../../protocol/index.ts'

type Fields = Readonly<Record<string, unknown>>

/** What keeps a flavor's files from being its library's own format; undefined for nothing. */
type Rule = (fields: Fields) => string | undefined

const among =
  (field: string, values: readonly unknown[]): Rule =>
  (fields) =>
    values.includes(fields[field]) ? undefined : `its ${field} is ${shown(fields[field])}`

const ending =
  (endings: readonly string[]): Rule =>
  ({ data }) =>
    typeof data === 'string' && endings.some((each) => data.endsWith(each)) ? undefined : `its data is ${shown(data)}`

/**
 * Types that a file itself declares to be trusted are made by whatever code they name; trees and boosters need it of
 * classes of their libraries.
 */
const isLibraryType = (name: unknown): boolean =>
  typeof name === 'string' && /^(?:sklearn|xgboost|lightgbm|catboost)(?:\.\w+)*\.[A-Z]\w*$/.test(name)

/** The flavors that are read without a pickle, and how: all others, and these otherwise, are refused. */
const rules: Readonly<Record<string, readonly Rule[]>> = {
  sklearn: [
    among('serialization_format', ['skops']),
    ({ skops_trusted_types: trusted }) =>
      trusted === undefined || trusted === null || (Array.isArray(trusted) && trusted.every(isLibraryType))
        ? undefined
        : 'it names types to trust that are not classes of its libraries',
  ],
  xgboost: [
    ending(['.xgb', '.ubj', '.json']),
    ({ model_class: name }) =>
      name === undefined ||
      (typeof name === 'string' && /^xgboost\.(?:core\.Booster|sklearn\.XGB[A-Za-z]+)$/.test(name))
        ? undefined
        : `its model_class is ${shown(name)}`,
  ],
  lightgbm: [ending(['.lgb', '.txt']), among('model_class', [undefined, 'lightgbm.basic.Booster'])],
  catboost: [ending(['.cb', '.cbm', '.json']), among('save_format', ['cbm', 'json'])],
  onnx: [ending(['.onnx'])],
}

/** Fields of a python_function that have a pickle, or code in the place of a loader, behind them. */
const ofPythonModel = ['python_model', 'cloudpickle_version', 'artifacts', 'model_code_path']

/** Fields that name a file or folder of the model. */
const placeFields = ['data', 'model_path', 'pickled_model', 'model_data', 'code']

/**
 * MLflow looks for the MLmodel beside what it reads, and takes a model for a pickle where it finds none or another; its
 * own are right in the model's folder.
 */
const strayPlace = (fields: Fields): string | undefined => {
  const stray = placeFields.map((name) => fields[name]).find((place) => !isOwnPlace(place))
  return stray === undefined ? undefined : shown(stray)
}

const isOwnPlace = (place: unknown): boolean =>
  place === undefined || place === null || (typeof place === 'string' && place !== '..' && !/[/\\]/.test(place))

/** Why a model that MLflow saved can't be said to be free of pickles by its MLmodel; undefined when it is. */
export const mlmodelProblem = (text: string): string | undefined => {
  // Why: Python's reader of YAML takes these otherwise than this one does, and could see other fields.
  if (/\r(?!\n)|[\u0085\u2028\u2029\0]/.test(text)) return 'its MLmodel has line ends that readers take in two ways'
  if (/(?:^|[\s[{,:?-])[!%]/.test(text)) return 'its MLmodel has tags or directives of YAML'
  try {
    const document = readYaml(text)
    if (hasMerges(document)) return 'its MLmodel merges keys of YAML'
    return flavorsProblem(fieldsOf(fieldsOf(document)['flavors']))
  } catch (error) {
    if (error instanceof YamlError) return `its MLmodel can't be read: ${error.message.slice(0, 200)}`
    throw error
  }
}

const flavorsProblem = ({ python_function: python, ...flavors }: Fields): string | undefined => {
  const fields = fieldsOf(python)
  const loader = fields['loader_module']
  const loaded = typeof loader === 'string' ? /^mlflow\.(\w+)$/.exec(loader)?.[1] : undefined
  if (loaded === undefined || !Object.hasOwn(rules, loaded)) return `its python_function is loaded by ${shown(loader)}`
  if (!Object.hasOwn(flavors, loaded)) return `its flavor ${loaded} is not told`
  const hidden = ofPythonModel.find((name) => Object.hasOwn(fields, name))
  if (hidden !== undefined) return `its python_function has a ${hidden}`
  const stray = strayPlace(fields)
  if (stray !== undefined) return `its python_function names ${stray}, which is not right in its folder`
  for (const [name, value] of Object.entries(flavors)) {
    const strayOfFlavor = strayPlace(fieldsOf(value))
    if (strayOfFlavor !== undefined)
      return `its flavor ${name.slice(0, 100)} names ${strayOfFlavor}, which is not right in its folder`
    if (!Object.hasOwn(rules, name))
      return `its flavor ${name.slice(0, 100)} is not one that is known to need no pickle`
    const problem = rules[name]?.map((rule) => rule(fieldsOf(value))).find((found) => found !== undefined)
    if (problem !== undefined) return `its flavor ${name} may be a pickle: ${problem}`
  }
  return undefined
}

const hasMerges = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).some(([key, inner]) => key === '<<' || hasMerges(inner))

const shown = (value: unknown): string => (value === undefined ? 'not told' : JSON.stringify(value).slice(0, 100))

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})
