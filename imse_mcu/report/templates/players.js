// One recording at a time; switching keeps the place, so that versions can be compared by ear.
(() => {
  const players = [...document.querySelectorAll(".player")].map((box) => ({
    box,
    audio: box.querySelector("audio"),
    view: box.querySelector(".view"),
    head: box.querySelector(".head"),
  }));
  const row = document.querySelector(".switch");
  if (!players.length || !row) return;
  let current = players[0];
  const show = () => {
    for (const player of players) {
      const { audio, head, box } = player;
      const on = player === current;
      box.classList.toggle("on", on);
      if (audio.duration) head.style.left = `${(100 * audio.currentTime) / audio.duration}%`;
      player.button.setAttribute("aria-pressed", String(on));
    }
  };
  const choose = (player, play) => {
    const at = current.audio.currentTime;
    for (const other of players) if (other !== player) other.audio.pause();
    if (player !== current) player.audio.currentTime = at;
    current = player;
    if (play) player.audio.play();
    show();
  };
  players.forEach((player, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${index + 1}  ${player.box.dataset.title}`;
    button.addEventListener("click", () => choose(player, true));
    row.append(button);
    player.button = button;
    player.audio.addEventListener("play", () => choose(player, false));
    player.audio.addEventListener("timeupdate", show);
    player.audio.addEventListener("seeked", show);
    player.view.addEventListener("click", (event) => {
      const place = player.view.getBoundingClientRect();
      const part = (event.clientX - place.left) / place.width;
      choose(player, false);
      player.audio.currentTime = part * player.audio.duration;
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const player = players[Number(event.key) - 1];
    if (player) choose(player, true);
  });
  row.hidden = false;
  show();
})();
