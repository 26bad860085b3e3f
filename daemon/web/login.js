const words = {
  en: {
    html: "en", other: "中文", otherLabel: "切换到中文", label: "Password", send: "Log in", sending: "Logging in …",
    wrong: "The password is wrong.", wait: "Too many wrong passwords. Try again in {s} s.", refused: "The server refuses: {why}",
    away: "The server does not answer. Try again.",
  },
  zh: {
    html: "zh-CN", other: "English", otherLabel: "Switch to English", label: "密码", send: "登录", sending: "正在登录…",
    wrong: "密码不对。", wait: "错误次数太多，请在 {s} 秒后再试。", refused: "服务器拒绝：{why}", away: "服务器没有应答，请再试一次。",
  },
};

const saved = () => { try { return localStorage.getItem("language"); } catch { return null; } };
let language = saved() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!(language in words)) language = "en";
let trouble = null; // {key, values} of what is told

const form = document.getElementById("login");
const password = document.getElementById("password");
const send = document.getElementById("send");
const switcher = document.getElementById("language");

function text(key, values = {}) {
  return words[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// An element that is new is read out by screen readers.
function tell(key, values) {
  trouble = key === null ? null : { key, values };
  document.getElementById("trouble")?.remove();
  password.setAttribute("aria-invalid", String(key === "wrong"));
  if (key === null) return;
  const line = document.createElement("p");
  line.id = "trouble";
  line.className = "trouble";
  line.setAttribute("role", "alert");
  line.textContent = text(key, values);
  form.prepend(line);
}

function paint() {
  document.documentElement.lang = text("html");
  document.getElementById("label").textContent = text("label");
  send.textContent = text(send.disabled ? "sending" : "send");
  switcher.textContent = text("other");
  switcher.setAttribute("aria-label", text("otherLabel"));
  switcher.lang = language === "zh" ? "en" : "zh-CN";
  switcher.hidden = false;
  if (trouble !== null) tell(trouble.key, trouble.values);
}

async function why(reply) {
  try { return (await reply.json()).error.message; } catch { return String(reply.status); }
}

async function logIn() {
  let reply;
  try {
    reply = await fetch(form.action, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ password: password.value }),
    });
  } catch {
    return tell("away");
  }
  if (reply.ok) {
    const page = new URL("./" + location.hash, location.href);
    // The page's own address with another fragment alone would not be asked for again.
    return page.href === location.href ? location.reload() : location.replace(page);
  }
  if (reply.status === 401) tell("wrong");
  else if (reply.status === 429) tell("wait", { s: reply.headers.get("Retry-After") ?? "" });
  else tell("refused", { why: await why(reply) });
  password.select();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (send.disabled) return;
  tell(null);
  send.disabled = true;
  paint();
  await logIn();
  send.disabled = false;
  paint();
  password.focus();
});

switcher.addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  try { localStorage.setItem("language", language); } catch { /* private mode: the choice lasts for this visit */ }
  paint();
});

paint();
