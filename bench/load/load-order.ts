interface Target {
  readonly url: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly durationMs: number
  readonly timeoutMs?: number
}

/** What a load process is told to do; the fields mean what they mean in src/client/load. */
export type LoadOrder =
  | (Target & { readonly kind: 'closed'; readonly clients: number; readonly countMin?: number })
  | (Target & {
      readonly kind: 'open'
      readonly rate: number
      readonly arrivals: 'constant' | 'poisson'
      /** Measures how long the server takes for so many good answers in a row. Default none. */
      readonly answersInRow?: number
    })
