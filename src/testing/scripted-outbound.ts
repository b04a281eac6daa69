import type { OutboundFailure, OutboundHttp, OutboundPost, OutboundReply } from '../ports/index.ts'

type Outcome = OutboundReply | OutboundFailure

export interface SentPost extends OutboundPost {
  /** The body, read. */
  readonly json: Readonly<Record<string, unknown>>
}

/** A way out whose receivers are a function of the test; what was sent is kept in its order. */
export class ScriptedOutbound implements OutboundHttp {
  readonly sent: SentPost[] = []
  /** Most requests under way at once, of all and of one URL. */
  underWayMax = 0
  readonly underWayMaxOf = new Map<string, number>()
  readonly #underWay: string[] = []
  readonly #answer: (post: SentPost) => Outcome | Promise<Outcome>

  constructor(answer: (post: SentPost) => Outcome | Promise<Outcome> = () => reply(200)) {
    this.#answer = answer
  }

  resolve(): Promise<readonly string[]> {
    return Promise.resolve(['93.184.215.14'])
  }

  async post(post: OutboundPost): Promise<Outcome> {
    const { href } = post.url
    const sent = { ...post, json: JSON.parse(Buffer.from(post.body).toString()) as Record<string, unknown> }
    this.sent.push(sent)
    this.#underWay.push(href)
    this.underWayMax = Math.max(this.underWayMax, this.#underWay.length)
    const ofUrl = this.#underWay.filter((each) => each === href).length
    this.underWayMaxOf.set(href, Math.max(this.underWayMaxOf.get(href) ?? 0, ofUrl))
    const { promise: aborted, resolve } = Promise.withResolvers<Outcome>()
    post.signal?.addEventListener('abort', () => resolve({ kind: 'aborted', reason: 'aborted' }))
    try {
      return await Promise.race([this.#answer(sent), aborted])
    } finally {
      this.#underWay.splice(this.#underWay.indexOf(href), 1)
    }
  }
}

/** What a receiver answers. */
export const reply = (status: number, headers: Readonly<Record<string, string>> = {}, body = ''): OutboundReply => ({
  status,
  headers,
  body: Buffer.from(body),
})
