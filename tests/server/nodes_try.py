import asyncio, sys, time
from pathlib import Path
from importlib import resources
from google.protobuf import json_format
from funland.worker.v1.remote_pb2 import Listen, Listening
from funland.v1.models_pb2 import LoadSettings
from funland.v1.inference_pb2 import SamplingParameters
from funland.worker.v1.worker_pb2 import Submit, TokenizeText
from funland_server.nodes.cluster.host import Host
from funland_server.nodes.remote.launching import RemoteLaunching, Shelf
from funland_server.workers.spec import WorkerSpec
from funland_server.workers.worker import Worker

class Started:
    def __init__(self, host, listening): self._h=host; self.host="127.0.0.1"; self.listening=listening
    def kill(self): self._t=asyncio.ensure_future(self._h.kill())
    async def how_it_ended(self): return await self._h.ended()
class Starter:
    async def start(self, node_id, listen):
        listen.host="127.0.0.1"
        h=Host()
        line=await h.start(json_format.MessageToJson(listen, indent=None))
        return Started(h, json_format.Parse(line, Listening()))

async def main():
    path=Path(str(resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"))
    l=RemoteLaunching(Starter(), lambda: Shelf("/tmp/rt/shelf", 10**9))
    t=time.time()
    p=await l.launch(WorkerSpec("m", path, LoadSettings(slots=2), 512, node_id="n"), 60, lambda s: print("lost"))
    print("launched", time.time()-t)
    w=Worker("m", p, lambda s,n: None, 0)
    with w.sequence(Submit(prompt="Once upon a time", sampling=SamplingParameters(max_tokens=30, temperature=0))) as s:
        while s.open_texts:
            e=await s.take(); print(e.delta.text, end="", flush=True)
    print()
    print(await w.tokenize(TokenizeText(text="hello")))
    await asyncio.sleep(2)
    print(w.memory_bytes, w.peak_memory_bytes, p.pid)
    t=time.time(); await w.end(); print("ended", time.time()-t)
asyncio.run(main())
