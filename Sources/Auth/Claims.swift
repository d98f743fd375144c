/// What an accepted token says about its bearer.
public struct Claims: Sendable, Equatable {
  /// The user, as UTF-8: 1 to 128 bytes.
  public var subject: [UInt8]
  /// When the token ends, in seconds since 1970.
  public var expires: Double
  /// Whether the bearer may pass ownership and reach the admin routes.
  public var isAdmin: Bool

  public init(subject: [UInt8], expires: Double, isAdmin: Bool) {
    self.subject = subject
    self.expires = expires
    self.isAdmin = isAdmin
  }
}
