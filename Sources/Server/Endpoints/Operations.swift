// /stats, /membership and /heartbeat

import Bytes
import HTTP
import JSON
import Platform
import Synchronization

extension DataLoop {
  mutating func heartbeat(_ call: borrowing Call) {
    var body = ByteBuffer()
    body.append("{\"status\":\"ok\",\"timestamp\":")
    body.append(decimal: SystemClock.wallMilliseconds())
    body.append("}")
    reply(call.slot, call.style, body.span)
  }

  mutating func membership(_ call: borrowing Call) {
    var body = ByteBuffer()
    let milliseconds = SystemClock.wallMilliseconds()
    let address = node.description.address
    body.append("{\"nodes\":{")
    JSONWriter.appendString(address.span, to: &body)
    body.append(":{\"status\":\"Active\",\"last_heartbeat\":")
    body.append(decimal: milliseconds)
    body.append("}},\"active_count\":1,\"timestamp\":")
    body.append(decimal: milliseconds)
    body.append("}")
    reply(call.slot, call.style, body.span)
  }

  mutating func stats(_ call: borrowing Call) {
    var body = ByteBuffer()
    body.append("{\"tables\":{")
    var total = 0
    var isFirst = true
    for table in database.tables.all {
      let count = table.count
      total += count
      if !isFirst { body.append(",") }
      isFirst = false
      let name = table.name
      JSONWriter.appendString(name.span, to: &body)
      body.append(":")
      body.append(decimal: UInt64(count))
    }
    var requests: UInt64 = 0
    var nanoseconds: UInt64 = 0
    var streams = 0
    var connections = 0
    for loop in node.metrics {
      requests += loop.requests.load(ordering: .relaxed)
      nanoseconds += loop.latencyNanoseconds.load(ordering: .relaxed)
      streams += loop.streams.load(ordering: .relaxed)
      connections += loop.connections.load(ordering: .relaxed)
    }
    body.append("},\"total_keys\":")
    body.append(decimal: UInt64(total))
    body.append(",\"total_requests\":")
    body.append(decimal: requests)
    body.append(",\"average_latency_ms\":")
    appendThousandths(requests == 0 ? 0 : nanoseconds / requests / 1_000, to: &body)
    body.append(",\"active_sse_connections\":")
    body.append(decimal: UInt64(streams))
    body.append(",\"connections\":")
    body.append(decimal: UInt64(connections))
    body.append(",\"cluster\":{\"node\":\"")
    body.append(node.description.nodeID)
    body.append("\",\"boot\":")
    body.append(decimal: UInt64(node.description.boot))
    body.append(",\"members\":1},\"log\":{\"appended\":")
    body.append(decimal: database.log.appended)
    body.append(",\"committed\":")
    body.append(decimal: database.log.committed)
    body.append(",\"accepts_writes\":")
    body.append(database.log.acceptsWrites ? "true" : "false")
    body.append("},\"uptime_seconds\":")
    body.append(
      decimal: now.milliseconds(since: node.description.started) / 1_000)
    body.append("}")
    reply(call.slot, call.style, body.span)
  }

  /// Microseconds as milliseconds with three decimals.
  private func appendThousandths(_ microseconds: UInt64, to body: inout ByteBuffer) {
    body.append(decimal: microseconds / 1_000)
    body.append(".")
    let rest = microseconds % 1_000
    if rest < 100 { body.append("0") }
    if rest < 10 { body.append("0") }
    body.append(decimal: rest)
  }
}
