/// What a record carries (RFC 8446 §5.1).
enum TLSContentKind: UInt8 {
  case changeCipherSpec = 20
  case alert = 21
  case handshake = 22
  case applicationData = 23
}

/// Why a record ends its connection, as the alert that says so (RFC 8446 §6).
enum TLSRecordError: UInt8, Error {
  case unexpected = 10
  case badRecord = 20
  case tooLong = 22
  case illegal = 47
  case malformed = 50

  var reason: String {
    switch self {
    case .unexpected: "unexpected message"
    case .badRecord: "bad record mac"
    case .tooLong: "record overflow"
    case .illegal: "illegal parameter"
    case .malformed: "decode error"
    }
  }
}
