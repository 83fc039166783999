using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Text;
using System.Threading.Tasks;
using Funland.Client;
using Newtonsoft.Json.Linq;

/// <summary>
/// Makes the steps of clients/scenario.json, told where that is, and names each that went as expected.
/// docs/clients.md says what the calls are.
/// </summary>
internal sealed class Scenario
{
    private const string ChatPath = "/funland/v1/chat";
    private const string StreamPath = "/funland/v1/chat:stream";

    private readonly FunlandClient client;
    private readonly JObject step;
    private readonly TimeSpan timeout;

    private Scenario(FunlandClient client, JObject step)
    {
        this.client = client;
        this.step = step;
        timeout = TimeSpan.FromSeconds((double?)step["timeout_seconds"] ?? 60);
    }

    private JToken Expected
    {
        get { return step["expect"]; }
    }

    private static int Main(string[] arguments)
    {
        var steps = JObject.Parse(File.ReadAllText(arguments[0]))["steps"];
        using (var client = new FunlandClient())
        {
            foreach (JObject step in steps)
            {
                try
                {
                    new Scenario(client, step).Make().GetAwaiter().GetResult();
                }
                catch (Exception thrown)
                {
                    Console.Error.WriteLine(step["name"] + ": " + thrown);
                    return 1;
                }
                Console.WriteLine("ok " + step["name"]);
            }
        }
        return 0;
    }

    private async Task Make()
    {
        var call = (string)step["call"];
        if (step["expect_error"] == null || call == "crowd")
        {
            await Calls()[call]();
            return;
        }
        await Fails(Calls()[call]);
    }

    private Dictionary<string, Func<Task>> Calls()
    {
        return new Dictionary<string, Func<Task>>
        {
            ["list_models"] = ListModels,
            ["chat"] = Chat,
            ["stream"] = Stream,
            ["leave"] = Leave,
            ["embed"] = Embed,
            ["session"] = Session,
            ["crowd"] = Crowd,
        };
    }

    private async Task ListModels()
    {
        var listed = new List<string>();
        var token = "";
        do
        {
            var page = await Get("/funland/v1/models?page_token=" + Uri.EscapeDataString(token));
            listed.AddRange(page["models"].Select(model => (string)model["model_id"]));
            token = (string)page["next_page_token"];
        }
        while (token != "");
        Same("the models that are not listed", Expected["model_ids"].Select(id => (string)id).Except(listed).Count(), 0);
    }

    private async Task Chat()
    {
        var answer = await Post(ChatPath, step["chat"]);
        Same("the text", answer.SelectToken("message.content"), Expected["text"]);
        Same("the model", answer["model"], Expected["model"]);
        Same("the reason", answer["finish_reason"], Expected["finish_reason"]);
        Same("the tokens", answer.SelectToken("usage.completion_tokens"), Expected["completion_tokens"]);
    }

    private async Task Stream()
    {
        var text = new StringBuilder();
        var pieces = 0;
        JToken model = null, finish = null;
        await client.StreamAsync(StreamPath, (JObject)step["chat"], message =>
        {
            model = model ?? message.SelectToken("start.model");
            finish = message["finish"];
            if (message["delta"] != null)
            {
                text.Append((string)message.SelectToken("delta.text"));
                pieces++;
            }
            return Task.FromResult(true);
        }, timeout);
        Same("the text", text.ToString(), Expected["text"]);
        Same("that it came in pieces", pieces >= (int)Expected["least_pieces"], true);
        Same("the model", model, Expected["model"]);
        Same("the reason", finish["reason"], Expected["finish_reason"]);
        Same("the tokens", finish.SelectToken("usage.completion_tokens"), Expected["completion_tokens"]);
    }

    private async Task Leave()
    {
        await During(step["chat"], async () => Same("that it is written", (int)(await Loaded())["active_sequences"] > 0, true));
        var end = DateTime.UtcNow + timeout;
        JToken loaded;
        do
        {
            Same("that the slot is still held", DateTime.UtcNow > end, false);
            loaded = await Loaded();
        }
        while (((JObject)Expected).Properties().Any(each => !JToken.DeepEquals(loaded[each.Name], each.Value)));
    }

    private async Task Embed()
    {
        var vectors = (await Post("/funland/v1/embed", step["embed"]))["embeddings"];
        Same("the vectors", vectors.Count(), Expected["vectors"]);
        foreach (var vector in vectors)
        {
            var values = vector["values"].Select(value => (double)value).ToArray();
            Same("the dimensions", values.Length, Expected["dimensions"]);
            var length = Math.Sqrt(values.Sum(value => value * value));
            Same("the length", Math.Abs(length - (double)Expected["length"]) < 1e-3, true);
        }
    }

    private async Task Session()
    {
        var path = "/funland/v1/sessions/" + (await Post("/funland/v1/sessions", step["session"]))["session_id"];
        JToken text = null;
        foreach (var said in step["says"])
        {
            text = (await Post(path + "/messages", new JObject { ["content"] = said })).SelectToken("answer.message.content");
        }
        await client.CallAsync(HttpMethod.Delete, path, null, timeout);
        Same("the text", text, Expected["text"]);
    }

    private async Task Crowd()
    {
        var refusals = 0;
        Task<JObject> answered = null;
        await During(step["crowd"], async () =>
        {
            await Fails(() => Post(ChatPath, step["chat"]));
            var refused = new TaskCompletionSource<bool>();
            answered = Again.CallAsync(9, async () =>
            {
                try
                {
                    return await Post(ChatPath, step["chat"]);
                }
                catch (FunlandException)
                {
                    refusals++;
                    refused.TrySetResult(true);
                    throw;
                }
            });
            await Task.WhenAny(refused.Task, answered);
        });
        var answer = await answered;
        Same("that it was refused", refusals > 0, true);
        Same("the text", answer.SelectToken("message.content"), Expected["text"]);
    }

    /// <summary>Does something while a stream is read up to its first piece of text, and leaves that.</summary>
    private Task During(JToken chat, Func<Task> something)
    {
        return client.StreamAsync(StreamPath, (JObject)chat, async message =>
        {
            if (string.IsNullOrEmpty((string)message.SelectToken("delta.text")))
            {
                return true;
            }
            await something();
            return false;
        }, timeout);
    }

    private Task<JObject> Get(string path)
    {
        return client.CallAsync(HttpMethod.Get, path, null, timeout);
    }

    private Task<JObject> Post(string path, JToken body)
    {
        return client.CallAsync(HttpMethod.Post, path, (JObject)body, timeout);
    }

    private async Task<JToken> Loaded()
    {
        return (await Get("/funland/v1/models/funland-tiny"))["loaded"];
    }

    private async Task Fails(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (FunlandException failure)
        {
            var expected = step["expect_error"];
            Same("the code", failure.Code, expected["code"]);
            Same("the reason", failure.Reason, expected["reason"]);
            foreach (var each in ((JObject)expected["metadata"] ?? new JObject()).Properties())
            {
                Same(each.Name, failure.Metadata[each.Name], each.Value);
            }
            Same("the fields", new JArray(failure.Fields.ToArray()), expected["fields"] ?? new JArray());
            Same("that it may be tried again", failure.RetryDelay != null, (bool?)expected["retry_delay"] ?? false);
            return;
        }
        throw new InvalidOperationException("the call was to fail");
    }

    private static void Same(string what, JToken found, JToken expected)
    {
        if (!JToken.DeepEquals(found, expected))
        {
            throw new InvalidOperationException(what + " is " + found + ", not " + expected);
        }
    }
}
