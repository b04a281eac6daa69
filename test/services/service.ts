/** A real program that tests need. */
export interface Service {
  readonly name: string
  /** Starts it, unless the environment names one; gives what tests read from their environment. */
  start(): Promise<{ readonly env: Readonly<Record<string, string>>; stop(): Promise<void> }>
}
