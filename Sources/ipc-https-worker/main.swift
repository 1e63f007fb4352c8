import CCurlOptions
import Crawling
import IPC

// A worker process of `ipc crawl` for URLs of which one is https. It is a program of its own, since what TLS needs (libcurl,
// and the forty libraries that libcurl needs) takes longer to load than all of `ipc`.
runProgram {
  if CommandLine.arguments.contains("--insecure") { ccurloptions_accept_any_certificate() }
  let fetcher = PageFetcher()
  try Crawl.serve(https: fetcher.fetch)
}
