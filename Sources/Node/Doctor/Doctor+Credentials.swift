import Credentials
import Foundation
import Wire

extension Doctor {
  /// Whether the certificate is there, is the configured member's, and how long it still is.
  func examineCredentials(_ section: ClusterSection) -> [Finding] {
    let now = Int64(Date().timeIntervalSince1970)
    do throws(CredentialError) {
      let credentials = try MemberCredentials(path: section.credentials)
      var findings: [Finding] = []
      var revocations: RevocationList?
      if let path = section.revoked {
        do throws(CredentialError) {
          revocations = try RevocationList(path: path, authority: credentials.authority)
          findings.append(Finding("revocations", .ok, "\(path) is by the cluster's authority."))
        } catch {
          findings.append(Finding("revocations", .problem, error.problem.sentence, advice: error.remedy.sentence))
        }
      }
      let description = credentials.describe(revocations: revocations, at: now)
      return [Self.judge(certificate: description, section, at: now)] + findings
    } catch {
      return [Finding("certificate", .problem, error.problem.sentence, advice: error.remedy.sentence)]
    }
  }

  /// Days before its end at which a certificate begins to be worth a warning.
  static let certificateWarningDays: Int64 = 30

  static func judge(certificate: CertificateDescription, _ section: ClusterSection, at now: Int64) -> Finding {
    let issue = "Have one issued: `skein certificate issue --member \(section.member.rawValue)`."
    func problem(_ found: String) -> Finding { Finding("certificate", .problem, found, advice: issue) }
    guard certificate.cluster == section.identifier.rawValue else {
      return problem("It is for cluster \(certificate.cluster), the configuration says \(section.identifier.rawValue).")
    }
    guard certificate.member == section.member.rawValue else {
      let whose = certificate.member.map { "member \($0)" } ?? "the authority"
      return problem("It is of \(whose), the configuration says member \(section.member.rawValue).")
    }
    guard certificate.state == .valid else { return problem("It is \(certificate.state.words).") }
    let days = (certificate.notAfter - now) / 86_400
    if days < certificateWarningDays {
      return Finding("certificate", .warning, "It runs out in \(days) \(days == 1 ? "day" : "days").", advice: issue)
    }
    return Finding("certificate", .ok, "Member \(section.member.rawValue) of cluster \(section.identifier.rawValue), \(days) days left.")
  }
}
