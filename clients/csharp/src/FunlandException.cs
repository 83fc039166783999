using System;
using System.Collections.Generic;
using System.Linq;
using Newtonsoft.Json.Linq;

namespace Funland.Client
{
    /// <summary>A call that failed. <c>Reason</c> is for programs, the message for people.</summary>
    public sealed class FunlandException : Exception
    {
        public FunlandException(string message, string code, string reason, Exception cause = null)
            : base(message, cause)
        {
            Code = code;
            Reason = reason;
            Metadata = new Dictionary<string, string>();
            Fields = new string[0];
            RequestId = "";
        }

        /// <summary>The canonical status code by its name, such as <c>NOT_FOUND</c>.</summary>
        public string Code { get; private set; }

        /// <summary>A name of the contract's ErrorReason; empty if nobody told one.</summary>
        public string Reason { get; private set; }

        /// <summary>The reason's details, such as the <c>model</c>.</summary>
        public IReadOnlyDictionary<string, string> Metadata { get; private set; }

        /// <summary>The paths of the fields that are wrong, such as <c>messages[0].role</c>.</summary>
        public IReadOnlyList<string> Fields { get; private set; }

        /// <summary>How long the server asks to wait before another try; null: it does not.</summary>
        public TimeSpan? RetryDelay { get; private set; }

        /// <summary>The call's id in the server's log; empty if no server answered.</summary>
        public string RequestId { get; private set; }

        /// <summary>Whether the same call may succeed a little later.</summary>
        public bool Retryable
        {
            get { return Code == "UNAVAILABLE" || RetryDelay != null; }
        }

        /// <summary>Reads the value of <c>{"error": {...}}</c>.</summary>
        internal static FunlandException Of(JObject error)
        {
            var read = new FunlandException((string)error["message"], (string)error["code"], (string)error["reason"])
            {
                Metadata = ((JObject)error["metadata"]).Properties().ToDictionary(each => each.Name, each => (string)each.Value),
                Fields = error["field_violations"].Select(each => (string)each["field"]).ToArray(),
                RequestId = (string)error["request_id"],
            };
            var delay = (string)error["retry_delay"];
            if (delay != null)
            {
                var seconds = double.Parse(delay.TrimEnd('s'), System.Globalization.CultureInfo.InvariantCulture);
                read.RetryDelay = TimeSpan.FromSeconds(seconds);
            }
            return read;
        }
    }
}
