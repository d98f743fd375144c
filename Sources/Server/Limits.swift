/// What a node accepts at most: every limit of the API, with its unit and its reason.
///
/// Each can be set by `DYNA_LIMIT_…` or `--limit-…` (see `Configuration`); the error that a request
/// meets beyond one names it.
public struct Limits: Sendable, Equatable {
  /// 1 KiB: a key is a name, and every key is held twice (record and listing index).
  public var keyBytesMax = 1024
  /// 128 B: tables and users are interned for the life of the process.
  public var nameBytesMax = 128
  /// 1 MiB: a value is copied while its shard's lock is held.
  public var valueBytesMax = 1 << 20
  /// 8 MiB: the body of `POST /{table}/keys`, held whole while it is checked.
  public var bodyBytesMax = 8 << 20
  /// 16 KiB a connection: ten thousand half-sent requests hold at most 164 MB.
  public var headBytesMax = 16 << 10
  /// 100 header fields: browsers send about twenty.
  public var headerFieldsMax = 100

  /// 128 levels of a body: what recursive readers of a value can stand; documents have fewer than ten.
  public var jsonDepthMax = 128

  /// 10 s from the first byte of a head to its last.
  public var headSeconds: UInt64 = 10
  /// 30 s for each 16 KiB of a body: slower than half a kilobyte a second is a stalled sender.
  public var bodySeconds: UInt64 = 30
  /// 60 s without a request, or without a byte taken by a client that is owed an answer.
  public var idleSeconds: UInt64 = 60

  /// 64 MB a second that pulls from other nodes bring, all together; 0: as many as come. See
  /// `ClusterSettings.pullBytesPerSecond`.
  public var pullBytesSecond = 64_000_000

  public init() {}

  /// 64 MiB: a value is held whole several times on its way, and a segment of the log is as long.
  static let valueBytesCeiling = 64 << 20

  /// Bytes of a body that renew its deadline.
  static let bodyProgressBytes = 16 << 10
  /// 256 MiB of request bodies in flight on one loop, or one body where that may be longer; beyond it
  /// bodies answer `503`.
  var bodiesInFlightBytesMax: Int { max(256 << 20, bodyBytesMax) }
  /// 256 MiB of answers on one loop that clients were given and do not take, or one longest value;
  /// beyond it long answers are `503`.
  var answersOwedBytesMax: Int { max(256 << 20, valueBytesMax) }
  /// 4 KiB: what is no longer is answered all the same.
  static let shortAnswerBytes = 4 << 10
  /// A listing is made and sent in pieces of this size, so that its memory does not grow with the table.
  static let listingPieceBytes = 64 << 10
  /// Keys that a piece looks at: where none of them has anything to show, others take their turn.
  static let listingLooksMax = 4_096
  /// What a connection may be owed before it is asked to read: pipelined requests wait until then.
  static let outputBytesMax = 256 << 10
  /// Events that wait for one slow stream; beyond it they are folded to the newest.
  static let streamBacklogBytesMax = 64 << 10
  /// A comment this often keeps proxies from closing a quiet stream.
  static let streamHeartbeatSeconds: UInt64 = 15
  /// 4 heartbeats, a minute as for every other client: a stream that is owed something and takes no
  /// byte of it holds a long value in memory. It is closed, and may come back with `Last-Event-ID`.
  static let streamStalledBeatsMax = 4
  /// Descriptors that connections never take: log, storage.db, snapshots, and the loops' own.
  static let ownDescriptors: UInt64 = 48
  /// After a refusal the connection reads on for so long, that the client can read why.
  static let lingerSeconds: UInt64 = 2
  /// 4 KiB: secrets wait for the hashing thread in memory, sent by clients that nobody knows yet.
  static let secretBytesMax = 4 << 10
  /// 4 KiB: what nodes say before they have proved the cluster's secret.
  static let greetingBytesMax = 4 << 10
  /// 66 MiB: a batch of 512 KiB and one entry, with the longest value that any node can be set to.
  static let internalBodyBytesMax = valueBytesCeiling + (2 << 20)
  /// 64 MiB of log entries on their way to the cluster loop; beyond it the log waits.
  static let committedBytesMax = 64 << 20
  /// Requests of peers that wait for the cluster loop: one a connection.
  static let internalRequestsMax = 4_096
  /// 256 writes a loop that wait for a node to become ready; beyond it they are refused at once.
  static let parkedRequestsMax = 256
  /// 3 s: a node that joins a small cluster is ready before.
  static let parkedMilliseconds: UInt64 = 3_000
  /// Passwords waiting to be hashed (about 50 ms each); beyond it logins answer `503`.
  static let passwordQueueMax = 256
  /// How long a stop waits for requests in flight.
  static let drainMilliseconds: UInt64 = 800
  /// How long the checkpoint of a clean stop may take; what it leaves is in the log.
  static let lastCheckpointMilliseconds: UInt64 = 700
}
