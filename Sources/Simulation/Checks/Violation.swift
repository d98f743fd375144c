/// What must hold in every world, at every moment or in the end.
public enum Invariant: String, CaseIterable, Sendable {
  // At every moment.
  case dotAssignedTwice = "no dot is assigned twice"
  case seenIsStored = "what a clock has seen is stored, or something greater"
  case recordIsGenuine = "every record is what a client wrote"
  case clockNeverShrinks = "no clock shrinks but by a crash to its durable state"
  case advertIsDurable = "nothing is told to a peer before it is durable"
  case timeIsPromised = "every later write exceeds the time that was told to peers"
  case acknowledgedIsDurable = "what a peer acknowledged is on its disk"
  case collectionIsSafe = "a collected tombstone was seen by all, and nothing older can come"
  case supersededIsTrue = "a write is called superseded only where a greater one exists"
  case queuesAreBounded = "no queue exceeds its caps"
  case secondLineFindsNothing = "the second line of repair finds nothing"
  case recoveryAccepts = "a crash leaves a log that recovery accepts"
  case admissionHolds = "what was admitted to the log fits"
  case readyIsComplete = "a ready node has what its cluster had when it joined"
  case nodeGoesOn = "a node ends only where it must"
  case worldMovesOn = "virtual time moves on"
  case clusterIsOne = "no node takes itself for the whole of a cluster that has others"
  case hearsayIsDoubted = "nobody is called down on hearsay"
  case reachableIsNotDown = "who was hardly out of reach is not called down"
  case goodbyeIsHeard = "who said goodbye is not waited for"
  case removedStaysOut = "a removed node ends, stays out and brings nothing back"
  // In the end.
  case converges = "a healed cluster becomes equal within its time"
  case comesToRest = "a cluster that is equal comes to rest"
  case acknowledgedSurvives = "an acknowledged write is there, or a greater one"
  case deletedStaysDeleted = "a deleted key stays deleted"
  case greatestWins = "the greatest surviving write of each key is its record"
  case tombstonesGo = "no tombstone stays once all is quiet"
  case subscribersAreCurrent = "a subscriber's last event is the final state"
  case replayEqualsMemory = "the log replays to what memory held"
}

/// The first thing that went wrong in a world.
public struct Violation: Error, Sendable {
  public let invariant: Invariant
  public let detail: String
  /// Nanoseconds of virtual time.
  public let time: UInt64
}
