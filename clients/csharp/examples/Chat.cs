using System;
using System.Threading.Tasks;
using Funland.Client;
using Newtonsoft.Json.Linq;

/// <summary>Answers a question as it is written.</summary>
internal static class Chat
{
    private static int Main(string[] arguments)
    {
        try
        {
            Answer(arguments.Length == 0 ? "Hello!" : string.Join(" ", arguments)).GetAwaiter().GetResult();
            return 0;
        }
        catch (FunlandException failure)
        {
            Console.Error.WriteLine(failure.Reason + ": " + failure.Message);
            return 1;
        }
    }

    private static async Task Answer(string question)
    {
        var request = new JObject
        {
            ["messages"] = new JArray(new JObject { ["role"] = "USER", ["content"] = question }),
            ["sampling"] = new JObject { ["temperature"] = 0 },
        };
        using (var client = new FunlandClient())
        {
            await client.StreamAsync("/funland/v1/chat:stream", request, message =>
            {
                Console.Write((string)message.SelectToken("delta.text"));
                if (message["finish"] != null)
                {
                    Console.WriteLine("\n" + message.SelectToken("finish.usage.completion_tokens") + " tokens");
                }
                return Task.FromResult(true); // false leaves the stream: the server stops writing
            }, TimeSpan.FromMinutes(1));
        }
    }
}
