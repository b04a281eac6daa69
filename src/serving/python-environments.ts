/** Which files of a version make a Python model, and for whom. */
export interface PythonOrder {
  readonly model: string
  /** The version's folder, which may say what the model requires. */
  readonly folder: string
  /** Its own modules, and the functions of which each must define one. */
  readonly modules: readonly PythonModule[]
}

export interface PythonModule {
  readonly path: string
  readonly functions: readonly string[]
}

/** Finds the interpreter that a Python model runs in, or makes one. */
export interface PythonEnvironments {
  /** May take minutes; `progress` is told what is being done. Throws load_failed with the reason. */
  require(
    order: PythonOrder,
    progress: (text: string) => void,
    signal: AbortSignal,
  ): Promise<{ readonly python: string }>
}
