import type { Random } from '../lib/index.ts'

const adjectives =
  'able agile amber ample azure bold brave brisk bright calm candid careful clean clear clever cosy crisp curious daring deep eager early earnest easy fair famous fine firm fleet fond frank free fresh gentle glad golden good grand happy hardy honest jolly keen kind large light lively lucky mellow merry mighty mild modest neat noble open patient placid polite proud quick quiet rapid rare ready sharp shiny silent silver sleek smart smooth snappy solid spry stately steady still stout strong subtle sunny sure swift tidy true upright vivid warm wise witty'.split(
    ' ',
  )

const nouns =
  'anchor badger barge beacon bear bison boat breeze bridge brook buoy canal canoe cape cedar cliff coast colt comet coral cove crab crane creek delta dolphin dove dune eagle elk elm falcon fern ferry finch fjord flounder fox galleon gannet gull harbor hare hawk heron hill ibis inlet island jetty kayak keel kelp lagoon lake lark lighthouse lynx mackerel maple marlin mast moose oak ocean orca osprey otter owl pelican penguin perch pier pike pine plover pond puffin quay raft raven reef river sail salmon schooner seal shoal shore skiff sloop sparrow spruce squid stork strait sturgeon swan tern tide trout tuna turtle walrus wave whale willow wren yacht'.split(
    ' ',
  )

/** A name for a run whose caller gives none: adjective-noun-number, as people know them from MLflow. */
export const randomRunName = (random: Random): string => {
  const pick = (words: readonly string[]): string => words[Math.floor(random.next() * words.length)] ?? ''
  return `${pick(adjectives)}-${pick(nouns)}-${Math.floor(random.next() * 1000)}`
}
