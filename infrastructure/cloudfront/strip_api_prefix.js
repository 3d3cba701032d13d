// The web origin serves the API under /api; the API itself knows nothing of that prefix.
function handler(event) {
  var request = event.request;
  request.uri = request.uri.replace(/^\/api(?=\/|$)/, '') || '/';
  return request;
}
