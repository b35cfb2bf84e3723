import Foundation

/// The application that people know: nginx on every member's own stack, bound to the cluster address, answering with its member's name.
enum WebServer {
  static let port: UInt16 = 80
  /// About so long is `/large`: some frames. nginx takes words of 4,096 octets at most.
  static let largeByteCount = 4000

  /// Starts one in a member's namespace. It needs no word of Skein, and Skein none of it.
  static func start(member: Int, topology: Topology) throws {
    try start(name(member), configuration(member: member), in: topology.plan.namespace(of: member), topology)
  }

  /// Starts one that answers `name` wherever it is asked.
  static func start(name: String, in namespace: Namespace, _ bed: TestBed) throws {
    try start(name, configuration(listening: ["\(port)", "[::]:\(port)"], answering: name), in: namespace, bed)
  }

  private static func start(_ name: String, _ configuration: String, in namespace: Namespace, _ bed: TestBed) throws {
    try requireTools(["nginx": "nginx"])
    let directory = "\(bed.layout.directory)/nginx-\(name)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try configuration.write(toFile: "\(directory)/nginx.conf", atomically: false, encoding: .utf8)
    let words = ["nginx", "-p", directory, "-c", "nginx.conf", "-e", "error.log", "-g", "daemon off;"]
    _ = try bed.start("nginx-\(name)", words, in: namespace)
  }

  static func configuration(member: Int) -> String {
    configuration(listening: AddressFamily.allCases.map { "\(host($0)):\(port)" }, answering: name(member))
  }

  private static func configuration(listening places: [String], answering name: String) -> String {
    let listen = places.map { "listen \($0);" }.joined(separator: " ")
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \($0);" }.joined(separator: " ")
    return """
      user root;
      worker_processes 1;
      pid nginx.pid;
      events { worker_connections 1024; }
      http {
        access_log off;
        \(temporary)
        server {
          \(listen)
          default_type text/plain;
          location = /large { return 200 "\(name)\\n\(String(repeating: "x", count: largeByteCount))\\n"; }
          location / { return 200 "\(name)\\n"; }
        }
      }

      """
  }

  /// The cluster address as it stands in a URL.
  static func host(_ family: AddressFamily) -> String {
    family == .four ? Plan.clusterAddress(family) : "[\(Plan.clusterAddress(family))]"
  }

  static func url(_ family: AddressFamily) -> String { "http://\(host(family))/" }

  /// What a member's server answers.
  static func name(_ member: Int) -> String { "m\(member)" }

  /// The member that an answer names.
  static func member(named name: some StringProtocol) -> Int? {
    guard name.hasPrefix("m") else { return nil }
    return Int(name.dropFirst())
  }
}
