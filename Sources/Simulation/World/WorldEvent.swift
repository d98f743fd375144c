import Cluster

/// Something that is due at a moment of virtual time.
///
/// `life` is that of the process which the event is meant for: an event for a process that has
/// ended is void.
enum WorldEvent {
  case none
  /// The machine of this host starts its process.
  case start(host: Int)
  /// A process that was stopped goes on.
  case resume(host: Int, life: Int)
  /// The protocol's deadline.
  case wake(host: Int, life: Int)
  /// The disk has done what it was asked to.
  case synced(host: Int, life: Int)
  /// The next step of a checkpoint.
  case checkpoint(host: Int, life: Int)
  case packet(host: Int, Datagram)
  /// A request reaches the peer.
  case request(Flight)
  /// Its answer is back.
  case response(Flight, [UInt8])
  /// The connection under it broke.
  case broken(Flight)
  /// The peer is not who was meant.
  case refused(Flight)
  /// Nobody waits for it any longer.
  case expired(Flight)
  case client(Int)
  /// A process that said goodbye ends.
  case gone(host: Int, life: Int)
  case subscriber(Int)
  /// An operator sees to the removal of this one.
  case operate(host: Int)
  /// A new node begins where this one's machine was.
  case rebuild(host: Int)
  case fault
  case mend(Mend)
  case inspect
  case heal
}

struct Datagram {
  let from: Incarnated
  let address: Endpoint
  let bytes: [UInt8]
}

/// A request between two processes, from its sending to its answer.
final class Flight {
  let number: RequestID
  let from: Int
  let fromLife: Int
  let sender: Incarnated
  let to: Int
  let toLife: Int
  let channel: Channel
  let bytes: [UInt8]
  /// Who received it.
  let peer: Incarnated?
  /// The number that the receiver's host gave it.
  var incoming = RequestID(0)
  /// The sender has been told how it ended.
  var isOver = false

  init(
    number: RequestID, from: Int, fromLife: Int, sender: Incarnated, to: Int, toLife: Int,
    peer: Incarnated?, channel: Channel, bytes: [UInt8]
  ) {
    self.number = number
    self.from = from
    self.fromLife = fromLife
    self.sender = sender
    self.to = to
    self.toLife = toLife
    self.peer = peer
    self.channel = channel
    self.bytes = bytes
  }
}

/// The end of a fault that lasts.
enum Mend {
  case partition(Int)
  case clog(from: Int, to: Int)
  case datagrams(from: Int, to: Int)
  case diskFull(host: Int)
  case slowDisk(host: Int)
}
