// A plain visit: the first page's questions are asked while its modules are still on their way. parts/api.js takes
// the answers where the page asks the same; they are read by then, so that the page is painted once.
(() => {
  const first = ["status"];
  if (["", "#/", "#/overview"].includes(location.hash)) {
    first.push("summary?window=24h", "trend?window=24h&by=model&most=8", "breakdown?window=24h&by=channel&order=cost&most=7");
  }
  const asked = async (address) => {
    const reply = await fetch(address, { headers: { Accept: "application/json" } });
    const body = await reply.text();
    return { status: reply.status, ok: reply.ok, headers: reply.headers, json: () => JSON.parse(body) };
  };
  globalThis.early = new Map(first.map((question) => {
    const address = `./api/v1/${question}`;
    const reply = asked(address);
    reply.catch(() => {}); // told where it is asked for
    return [address, reply];
  }));
  // Time zones are slow to write the first time, and nothing else is to be done now.
  new Intl.DateTimeFormat(navigator.language, { timeStyle: "short" }).format(0);
})();
