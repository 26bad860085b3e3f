// A plain visit: the first page's questions are asked while its modules are still on their way. parts/api.js takes
// the answers where the page asks the same.
(() => {
  const first = ["status"];
  if (["", "#/", "#/overview"].includes(location.hash)) {
    first.push("summary?window=24h", "trend?window=24h&by=model&most=8", "breakdown?window=24h&by=channel&order=cost&most=7");
  }
  globalThis.early = new Map(first.map((question) => {
    const address = `./api/v1/${question}`;
    const reply = fetch(address, { headers: { Accept: "application/json" } });
    reply.catch(() => {}); // told where it is asked for
    return [address, reply];
  }));
})();
